"""The image, built here: everything in it starts as its own account, and the demo's story comes true out of it.

A campaign: a build takes half a minute and needs Docker's engine, or buildah as root. PostgreSQL and Kafka are beside it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest

from deploy.database import SERVICES
from deploy.image.build import build
from deploy.image.containers import FIRST_ADMINISTRATOR, Containers, containers
from deploy.image.engine import Engine, NoEngineError, end
from deploy.image.engines import engine
from deploy.image.make_secrets import ACCOUNT
from deploy.image.trial import becomes_well, folder, trial
from deploy.local.installation import free_port
from deploy.local.postgres import Server
from deploy.story.choice import chosen
from deploy.story.messages import Messages
from deploy.story.stage import Stage
from tests.support.campaign import PROVING
from tests.support.kafka import Broker
from tests.support.postgres import shared_server
from tests.support.sinks import MailSink, WebhookSink

pytestmark = pytest.mark.skipif(not PROVING, reason="building an image takes minutes and an engine: make prove")

TAG = "localhost/lonewatch:proof"
SPEED = 60.0
TOLD_WITHIN = 180.0
"""Seconds for the story, which takes one minute at this speed."""


@pytest.fixture(scope="module")
def using() -> Iterator[Engine]:
    """An engine that has built the image; without any the tests are skipped, and fail with one that does not answer."""
    try:
        found = engine()
    except NoEngineError as error:
        if shutil.which("docker") or shutil.which("buildah"):
            pytest.fail(f"What is installed here cannot be used as it is. {error}", pytrace=False)
        pytest.skip(str(error))
    build(found, TAG)
    yield found
    found.remove()


@pytest.fixture
def beside() -> Iterator[Server]:
    """A PostgreSQL of this test's own: the image makes its own roles and databases in it."""
    with shared_server() as server:
        yield server


@dataclass
class Place:
    """The image at work, and what reached people."""

    made: Containers
    url: str
    token: str
    messages: Messages
    webhook: str


@asynccontextmanager
async def at_work(using: Engine, server: Server, bootstrap: str) -> AsyncIterator[Place]:
    """Run the migration, the services and the front out of the image; mail and webhooks end here."""
    messages = Messages()
    with folder() as at:
        async with (
            MailSink(at / "mail.jsonl", arrived=messages.mail) as mail,
            WebhookSink(at / "hooks.jsonl", arrived=messages.webhook) as webhook,
        ):
            more = {
                "LONEWATCH_SMTP_HOST": mail.host,
                "LONEWATCH_SMTP_PORT": str(mail.port),
                "LONEWATCH_KAFKA_BOOTSTRAP": bootstrap,
            }
            with containers(using, TAG, at, server, more) as made:
                port = free_port()
                await asyncio.to_thread(start, made, port)
                said = await asyncio.to_thread(lambda: made.run("cat", FIRST_ADMINISTRATOR, entry=False))
                assert said.returncode == 0, said.stderr
                yield Place(made, f"http://127.0.0.1:{port}", said.stdout.strip(), messages, webhook.url)


def start(made: Containers, port: int) -> None:
    """Migrate, start everything, and return when the image's own health check says that each is well."""
    migrated = made.run("migrate", environment=made.migration())
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    environments = {service: made.service(service, f"http://127.0.0.1:{port}") for service in SERVICES}
    environments["front"] = made.front(port, tls=False)
    for name, environment in environments.items():
        made.start(name, environment)
    for name, environment in environments.items():
        becomes_well(made, name, environment)


def out_of_the_image(process: subprocess.Popen[bytes]) -> bool:
    """Say whether a program runs as the image's account on the image's files: what stands around it is the engine."""
    program = psutil.Process(process.pid)
    while children := program.children():
        program = children[-1]
    return program.uids().real == ACCOUNT and Path(f"/proc/{program.pid}/root").readlink() != Path("/")


async def test_everything_in_the_image_starts_as_its_account_and_becomes_ready(using: Engine) -> None:
    said: list[str] = []
    await asyncio.to_thread(trial, using, TAG, said.append)
    assert f"start as account {ACCOUNT}" in said[0]
    assert said[-1] == "all have ended in order"


async def test_the_demos_story_comes_true_out_of_the_image(using: Engine, beside: Server, kafka: Broker) -> None:
    async with at_work(using, beside, kafka.bootstrap) as place:
        if using.name == "buildah":  # an engine's processes are not children of this one
            assert [name for name in SERVICES if not out_of_the_image(place.made.started[name])] == []
        telling, policy = chosen("stepping-stones")
        story = telling(Stage(place.url, place.token, SPEED, place.webhook), place.messages, lambda _: None)
        try:
            await story.prepare(policy)
            async with asyncio.timeout(TOLD_WITHIN):
                await story.play()
        finally:
            await story.close()
        assert sorted(story.visits.values()) == ["ended_well", "helped", "missed_then_safe"]
        assert await by_topic(place.made) > 0
        ended = {name: await asyncio.to_thread(end, place.made.started.pop(name), 15.0) for name in SERVICES}
        assert ended == dict.fromkeys(SERVICES, 0)


async def by_topic(made: Containers) -> float:
    """Return how many records the services took from Kafka."""
    total = 0.0
    async with httpx2.AsyncClient(trust_env=False) as client:
        for port in made.ports.values():
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            found = re.findall(r'^lonewatch_feed_applied_total\{[^}]*via="topic"[^}]*\} (\S+)$', text, re.MULTILINE)
            total += sum(map(float, found))
    return total
