"""A notifier that runs on a log with a site and its people, and the other ends of what it sends."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import asyncpg
import httpx2
import pytest_asyncio

from services.notifier.domain import WAITS
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Event, stream_of
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import EscalationAcknowledged, EscalationOpened, EscalationResolved, StepStarted
from shared.contracts.ladders import Trigger
from shared.contracts.visits import ContactPoint, ContactPointsSet
from shared.runtime.postgres import open_pool
from shared.runtime.sealing import Keyring, read_wrapping_key
from tests.support.history import MINUTE, POLICY, SITE, SUE, WALT, make_site, policy, record
from tests.support.services import Installation
from tests.support.sinks import MailSink, WebhookSink
from tests.support.waiting import until

VISIT, EPISODE, STREAM = "visit1", "visit1.1", "escalation-visit1"
FIRST = f"{EPISODE}.1"
"""The first notification of the escalation."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC_URL = "http://front.test"
RETRY = WAITS[0]
"""From the end of the first attempt to the second."""
Way = Literal["mail", "webhook"]


@dataclass(frozen=True)
class World:
    """An installation with people who can be reached at two sinks; a test starts the notifier on it."""

    installation: Installation
    mail: MailSink
    webhook: WebhookSink

    @property
    def settings(self) -> dict[str, Any]:
        """Settings by which notifier sends to the sinks."""
        return {"smtp_host": self.mail.host, "smtp_port": self.mail.port, "public_url": PUBLIC_URL}

    async def can_be_reached(self, worker_id: str, *ways: Way, times: int = 1) -> None:
        """Give somebody a contact point at the sink for each way, or several."""
        keys = await open_pool(self.installation.database.keys_dsn("checkin"))
        try:
            keyring = Keyring(keys, read_wrapping_key(self.installation.wrapping_key_file))
            addresses = {"mail": f"{worker_id}@home.example", "webhook": f"{self.webhook.url}/{worker_id}"}
            points = tuple(
                [
                    ContactPoint(
                        contact_point_id=f"{worker_id}-{way}" + (f"-{number}" if number else ""),
                        channel=way,
                        address=await keyring.seal(worker_id, addresses[way]),
                        secret=await keyring.seal(worker_id, SECRET) if way == "webhook" else None,
                    )
                    for way in ways
                    for number in range(times)
                ]
            )
        finally:
            await keys.close()
        points_set = ContactPointsSet(worker_id=worker_id, contact_points=points)
        await record(self.installation, "checkin", stream_of("worker", worker_id), points_set, site_id=SITE)

    async def escalates(self, *events: Event, visit_id: str = VISIT) -> None:
        """Append to the escalation of a visit of Walt's, as escalation would."""
        stream_id = stream_of("escalation", visit_id)
        await record(self.installation, "escalation", stream_id, *events, visit_id=visit_id, site_id=SITE)

    async def outcome(self, *kinds: str, notification_id: str = FIRST) -> list[Recorded]:
        """Wait until a notification's history is of these kinds, and return it."""
        stream_id = stream_of("notification", notification_id)

        async def so_far() -> bool:
            return await self.kinds(notification_id) == list(kinds)

        try:
            await until(so_far)
        except AssertionError:
            assert await self.kinds(notification_id) == list(kinds)  # says what it is instead
        return await self.installation.history(stream_id)

    async def ended(self, *kinds: str, notification_id: str = FIRST) -> list[str]:
        """Wait until a notification's history has all of these kinds, in any order, and return what it consists of."""

        async def so_far() -> bool:
            return set(kinds) <= set(await self.kinds(notification_id))

        await until(so_far)
        return await self.kinds(notification_id)

    async def accepted_twice(self, notification_id: str) -> None:
        """Wait until two messages of a notification were accepted."""

        async def twice() -> bool:
            return (await self.kinds(notification_id)).count("attempt_accepted") == 2

        await until(twice)

    async def hang_up(self) -> None:
        """Let both sinks end the calls that they have not answered, while somebody is there to record it."""
        await self.mail.hang_up()
        await self.webhook.hang_up()
        await until(self.nothing_in_flight)

    async def nothing_in_flight(self) -> bool:
        """Say whether every attempt has its outcome."""
        return not await self.installation.admin.fetchval("SELECT count(*) FROM log.deadline WHERE kind = 'attempt'")

    async def erase(self, worker_id: str) -> None:
        """Destroy somebody's key, as an erasure does."""
        keys = await asyncpg.connect(self.installation.database.keys_admin, ssl=False)
        try:
            await keys.execute("DELETE FROM key WHERE subject_id = $1", worker_id)
        finally:
            await keys.close()

    async def kinds(self, notification_id: str = FIRST) -> list[str]:
        """Return what a notification's history consists of, without prefix and version."""
        types = await self.installation.types(stream_of("notification", notification_id))
        return [name.split(".")[1] for name in types]


def asks(*worker_ids: str, first: int = 1, episode: str = EPISODE) -> tuple[Ask, ...]:
    return tuple(
        Ask(notification_id=f"{episode}.{number}", worker_id=worker_id, roles=())
        for number, worker_id in enumerate(worker_ids, first)
    )


Opening = tuple[EscalationOpened, StepStarted]
"""An escalation and its first step."""


async def opened(world: World, *worker_ids: str, trigger: Trigger = "check_in_missed") -> Opening:
    """Return an escalation that opens now and whose first step tells these people."""
    return await opening_of(world, VISIT, *worker_ids, trigger=trigger)


async def opening_of(
    world: World, visit_id: str, *worker_ids: str, trigger: Trigger = "check_in_missed", **more: Any
) -> Opening:
    """Return the same of another visit of Walt's, or with other facts."""
    now = await world.installation.clock.now()
    episode = f"{visit_id}.1"
    facts: dict[str, Any] = {
        "visit_id": visit_id,
        "worker_id": WALT,
        "due_at": now if trigger == "check_in_missed" else None,
        "ladder": policy().ladder_for("help" if trigger == "system" else trigger),
        **more,
    }
    opening = EscalationOpened(
        escalation_id=episode,
        episode=1,
        site_id=SITE,
        trigger=trigger,
        trigger_event_id="trigger1",
        policy_id=POLICY,
        policy_version=1,
        ladder_no=1,
        **facts,
    )
    step = StepStarted(
        escalation_id=episode,
        ladder_no=1,
        step=1,
        name="Ring the worker",
        asks=asks(*worker_ids, episode=episode),
        next_at=now + 5 * MINUTE,
        cites=Cites(),
    )
    return opening, step


async def acknowledged(world: World, notification_id: str = FIRST) -> EscalationAcknowledged:
    """Return that Sue has taken it: the escalation that made a notification."""
    runs_out_at = await world.installation.clock.now() + 20 * MINUTE
    return EscalationAcknowledged(
        escalation_id=notification_id.rpartition(".")[0],
        by=SUE,
        via="api",
        ladders=(1,),
        runs_out_at=runs_out_at,
        cites=Cites(),
    )


def resolved(*told: str) -> EscalationResolved:
    """Return that Walt is safe, and who gets the all-clear."""
    return EscalationResolved(
        escalation_id=EPISODE,
        visit_id=VISIT,
        by=SUE,
        confirmed_by=SUE,
        how="spoke_by_phone",
        note=None,
        asks=asks(*told, first=9),
    )


@pytest_asyncio.fixture
async def world(installation: Installation, tmp_path: Path) -> AsyncIterator[World]:
    """A site with its people, of whom nobody can be reached yet, and two sinks."""
    await make_site(installation)
    async with MailSink(tmp_path / "mail.jsonl") as mail, WebhookSink(tmp_path / "webhooks.jsonl") as webhook:
        yield World(installation, mail, webhook)


@pytest_asyncio.fixture
async def notifier(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """A notifier at work, and a client without a token."""
    async with world.installation.service("notifier", token="nobody", **world.settings) as client:
        del client.headers["Authorization"]
        yield client
