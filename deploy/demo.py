"""The demo: a whole installation for an hour, a story in real time, and what the log says of it afterwards.

No fake clock: ``--speed`` makes a scaled copy of the policy, and nothing else knows of it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2

from deploy.client import Client
from deploy.exporting import fetch_bundle
from deploy.local.installation import free_port, installation, port_is_free
from deploy.local.kafka.carrier import carrier
from deploy.local.kafka.configuration import single
from deploy.local.kafka.node import kill as kill_kafka
from deploy.local.postgres import stop as stop_postgres
from deploy.sinks import MailSink, WebhookSink
from deploy.story.messages import Arrival, Messages
from deploy.story.report import tell
from deploy.story.stage import Stage, StoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from deploy.local.installation import Installation
    from deploy.story.story import Story
    from shared.contracts.policy import Policy

STORY_WITHIN = 110.0
"""Seconds after which the demo gives up its story and fails: at the usual speed it takes less than one minute."""


@dataclass(frozen=True)
class Wanted:
    """What is to be played, and how fast."""

    story: type[Story]
    policy: Policy
    speed: float
    bundle: Path | None = None
    """Where the bundle of one visit is written: of the first that opened an escalation."""


async def play(
    wanted: Wanted, port: int, state: Path, console: Console, stopped: asyncio.Event, *, stay: bool
) -> dict[str, Any]:
    """Play the story and return the report. ``stay`` keeps everything running afterwards until ``stopped``."""
    await asyncio.to_thread(_clear, state)
    if not port_is_free(port):
        port = free_port()

    def say(what: str) -> None:
        console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/dim]  {what}")

    def show(arrival: Arrival) -> None:
        console.print(
            f"[dim]{arrival.arrived_at:%H:%M:%S}[/dim]  [bold]{arrival.channel}[/bold] to {arrival.to}: {arrival.headline}"
        )

    messages = Messages(show)
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(MailSink(state / "mail.jsonl", arrived=messages.mail))
        webhook = await stack.enter_async_context(WebhookSink(state / "webhooks.jsonl", arrived=messages.webhook))
        by = await asyncio.to_thread(carrier, state, os.environ)
        settings = {"LONEWATCH_SMTP_HOST": mail.host, "LONEWATCH_SMTP_PORT": str(mail.port)}
        running = await stack.enter_async_context(
            installation(state, port=port, settings=settings, carrier=by, say=lambda what: say(f"[dim]{what}[/dim]"))
        )
        say(f"Lonewatch runs at {running.url}")
        say(f"Its events are carried by {by.sentence}")
        if running.first_administrator is None:
            raise RuntimeError(
                "the demo's installation has an administrator already; remove its folder and start again"
            )
        stage = Stage(running.url, running.first_administrator, wanted.speed, webhook.url)
        story = wanted.story(stage, messages, say)
        stack.push_async_callback(story.close)
        policy = await story.prepare(wanted.policy)
        say(
            f"{policy.title} is adopted: every wait of the policy is divided by {wanted.speed:g}, nothing else is changed"
        )
        await _to_its_end(story, wanted.speed, state)
        report = {"broker": by.broker, **await tell(running, story, console)}
        if wanted.bundle:
            report |= await _bundled(running, report, wanted.bundle, console)
        if stay:
            console.print(f"\nHave a look at {running.url}. Stop it with Ctrl-C.")
            await stopped.wait()
        return report


async def _bundled(running: Installation, report: Mapping[str, Any], bundle: Path, console: Console) -> dict[str, Any]:
    """Write the bundle of the first visit that opened an escalation, and say how to check it."""
    visit_id = next(one["visit_id"] for one in [*report["escalations"], {"visit_id": report["visits"][0]["id"]}])
    async with Client(running.url, running.first_administrator) as client:
        await fetch_bundle(client, visit_id, bundle)
    console.print(f"\n{bundle} has the bundle of visit {visit_id}. Its README.md says how to check it.")
    return {"bundle": {"visit_id": visit_id, "file": str(bundle)}}


async def _to_its_end(story: Story, speed: float, state: Path) -> None:
    """Let the story be played. Raises StoryError where it does not come to its end."""
    try:
        async with asyncio.timeout(STORY_WITHIN * max(1.0, 60 / speed)):
            await story.play()
    except (TimeoutError, httpx2.HTTPError) as error:
        raise StoryError(
            f"The story did not come to its end ({type(error).__name__}). Why stands in {state / 'logs'}."
        ) from None


def _clear(state: Path) -> None:
    """Remove what an earlier demo left, its PostgreSQL and Kafka included."""
    if (state / "postgres").exists():
        stop_postgres(state / "postgres", mode="immediate")
    if (state / "kafka").exists():
        kill_kafka(single(state / "kafka", state / "logs" / "kafka.log"))
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
