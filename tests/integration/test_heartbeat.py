"""The heartbeat to the outside: a real request, and each thing that keeps it from being sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from structlog.testing import capture_logs

from deploy.database import SERVICES
from services.notifier import heartbeat
from services.notifier.heartbeat import Heartbeat
from shared.contracts.troubles import RecordDiscarded, RecordParked, trouble_stream
from shared.runtime.postgres import open_pool
from shared.runtime.telemetry import Cycles
from tests.support.history import record
from tests.support.services import Installation
from tests.support.waiting import until

SECRET = "canary-4711"
"""The part of the address that makes it a credential."""

# Let each service have finished both its loops a moment ahead: no further than the watch believes.
ALL_AT_WORK = """
INSERT INTO log.cycle (service, replica, loop, finished_at)
SELECT service, '1', loop, clock_timestamp() + interval '1 s' FROM log.owner, unnest(ARRAY['feed', 'clock']) AS loop
ON CONFLICT (service, replica, loop) DO UPDATE SET finished_at = excluded.finished_at
"""

# Let one loop have finished some seconds ago, in the replica that finished last.
STALE = "UPDATE log.cycle SET finished_at = clock_timestamp() - $3::interval WHERE service = $1 AND loop = $2"

# A deadline that was due some seconds ago.
DUE = "INSERT INTO log.deadline VALUES ($1, $2, $3, $4, log.now() - $5::interval)"

# A notification with one message, queued some seconds ago, as the read model has it.
QUEUED = """
WITH told AS (
    INSERT INTO notifier.notification (notification_id, recipient_id, worker_id, kind, queued_at, position)
    VALUES ('n1', 'ben', 'anna', 'step', log.now() - $1::interval, 1)
)
INSERT INTO notifier.message (message_id, notification_id, place, contact_point_id, channel, state)
VALUES ('n1.m', 'n1', 0, 'ben-mail', 'mail', 'queued')
"""

ATTEMPTED = "INSERT INTO notifier.attempt (message_id, attempt, started_at) VALUES ('n1.m', 1, log.now())"

LONG, SHORT = timedelta(seconds=11), timedelta(seconds=9)
"""Just more and just less than what may pass before the heartbeat stops."""


@dataclass
class Switch:
    """A dead man's switch on loopback: counts who asks for it, and answers as it is told. None hangs."""

    status: int | None = 200
    location: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{SECRET}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(request.decode().partition("\r\n")[0])
            if self.status is None:
                await reader.read()  # until the other side gives up
            else:
                head = f"HTTP/1.1 {self.status} Said\r\ncontent-length: 0\r\nconnection: close\r\n{self.location}\r\n"
                writer.write(head.encode())
                await writer.drain()
        writer.close()


@dataclass
class World:
    """A log on which all is well, a switch, and the heartbeat between them."""

    installation: Installation
    switch: Switch
    heartbeat: Heartbeat
    cycles: Cycles

    async def do(self, statement: str, *given: object) -> None:
        """Change the log as only its superuser can."""
        await self.installation.admin.execute(statement, *given)

    async def withheld(self) -> list[str]:
        """Return why no heartbeat was sent. Fails where one was."""
        before = len(self.switch.asked)
        assert not await self.heartbeat.beat()
        assert len(self.switch.asked) == before
        return list(await self.heartbeat.against())


@pytest_asyncio.fixture
async def switch() -> AsyncIterator[Switch]:
    """A switch that takes every heartbeat."""
    made = Switch()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest_asyncio.fixture
async def world(installation: Installation, switch: Switch) -> AsyncIterator[World]:
    """A log in which every service has just finished its work."""
    pool = await open_pool(installation.database.dsn("notifier"), size=2)
    cycles = Cycles(pool, "1")
    async with httpx2.AsyncClient() as client:
        beats = Heartbeat(pool, tuple(SERVICES), cycles, client, SecretStr(switch.url))
        await installation.admin.execute(ALL_AT_WORK)
        yield World(installation, switch, beats, cycles)
    await pool.close()


async def test_a_heartbeat_is_one_get_and_counts_as_a_finished_cycle(world: World) -> None:
    assert await world.heartbeat.beat()
    assert world.switch.asked == [f"GET /{SECRET} HTTP/1.1"]
    assert set(world.cycles.ages()) == {"heartbeat"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("loop", "does"), [("feed", "followed the log"), ("clock", "looked at its deadlines")])
async def test_none_is_sent_while_a_loop_of_a_service_has_finished_no_cycle_lately(
    world: World, service: str, loop: str, does: str
) -> None:
    await world.do(STALE, service, loop, SHORT)
    assert await world.heartbeat.beat()
    await world.do(STALE, service, loop, LONG)
    assert await world.withheld() == [f"{service} has not {does} for 11 s"]


async def test_one_replica_that_goes_on_is_enough(world: World) -> None:
    await world.do(STALE, "checkin", "clock", LONG)
    await world.do("INSERT INTO log.cycle VALUES ('checkin', '2', 'clock', clock_timestamp() + interval '1 s')")
    assert await world.heartbeat.beat()


async def test_none_is_sent_while_a_deadline_of_any_service_is_overdue(world: World) -> None:
    await world.do(DUE, "visit-v1", "missed", "", "lonewatch.visits.v1", SHORT)
    assert await world.heartbeat.beat()
    await world.do(DUE, "visit-v2", "missed", "", "lonewatch.visits.v1", LONG)
    assert await world.withheld() == ["1 deadlines of kind missed are overdue"]


async def test_a_first_message_that_waits_counts_and_a_repeat_may_wait_for_the_ceiling(world: World) -> None:
    await world.do(DUE, "notification-n1", "send", "n1.m", "lonewatch.notifications.v1", LONG)
    assert await world.withheld() == ["1 deadlines of kind send are overdue"]
    await world.do(ATTEMPTED)
    assert await world.heartbeat.beat()


async def test_none_is_sent_while_a_record_waits_for_a_reaction(world: World) -> None:
    discarded = RecordDiscarded(parked_id="escalation.1", by="ben", reason="test")
    await record(world.installation, "checkin", trouble_stream("checkin", "v1"), discarded)
    followers = await world.installation.admin.fetch(
        "SELECT DISTINCT consumer FROM log.applied WHERE topic = 'lonewatch.visits.v1' ORDER BY consumer"
    )
    assert await world.heartbeat.beat()
    await world.installation.clock.forward(LONG)
    assert await world.withheld() == [f"records wait for {row['consumer']}" for row in followers] != []


async def test_none_is_sent_while_a_queued_notification_has_no_attempt(world: World) -> None:
    await world.do(QUEUED, SHORT)
    assert await world.heartbeat.beat()
    await world.installation.clock.forward(LONG - SHORT)
    assert await world.withheld() == ["1 notifications have no attempt"]
    await world.do(ATTEMPTED)
    assert await world.heartbeat.beat()


@pytest.mark.parametrize(
    "ends",
    [
        "UPDATE notifier.notification SET withdrawn = 'acknowledged'",
        "UPDATE notifier.notification SET not_reached = 'no_contact_point'",
    ],
)
async def test_a_notification_that_is_withdrawn_or_reached_nobody_needs_no_attempt(world: World, ends: str) -> None:
    await world.do(QUEUED, LONG)
    await world.do(ends)
    assert await world.heartbeat.beat()


def parked(position: int) -> RecordParked:
    """Return that escalation set a trouble of checkin's aside."""
    return RecordParked(
        service="escalation",
        parked_id=f"escalation.{position}",
        consumer="escalation",
        topic="lonewatch.visits.v1",
        shard=3,
        position=position,
        record_type="trouble.deadline_failed.v1",
        record_stream_id="checkin_trouble-v1",
        visit_id=None,
        site_id=None,
        reason="undecodable",
        detail="data",
        sha256="0" * 64,
    )


async def test_none_is_sent_while_a_trouble_is_parked_itself(world: World) -> None:
    stream_id = trouble_stream("escalation", "v1")
    await record(world.installation, "escalation", stream_id, parked(6), parked(7))
    assert await world.withheld() == ["2 troubles could not be told to anybody"]
    for position in (6, 7):
        settled = RecordDiscarded(parked_id=f"escalation.{position}", by="ben", reason="test")
        await record(world.installation, "escalation", stream_id, settled)
    assert await world.heartbeat.beat()


async def test_none_is_sent_while_notifier_has_set_aside_what_it_should_have_told_people(world: World) -> None:
    aside, about = trouble_stream("notifier", "v1"), {"service": "notifier", "consumer": "notifier"}
    ask = parked(6).model_copy(update={**about, "record_stream_id": "escalation-v1", "record_type": "unknown"})
    reminder = parked(7).model_copy(
        update={**about, "record_stream_id": "visit-v1", "record_type": "unknown", "parked_id": "notifier.7"}
    )
    await record(world.installation, "notifier", aside, reminder)
    assert await world.heartbeat.beat()
    await record(world.installation, "notifier", aside, ask)
    assert await world.withheld() == ["1 troubles could not be told to anybody"]


async def test_a_trouble_that_nothing_can_read_stops_it_until_it_is_parked_and_settled(world: World) -> None:
    stream_id = trouble_stream("checkin", "v1")
    discarded = RecordDiscarded(parked_id="checkin.1", by="ben", reason="test")
    await record(world.installation, "checkin", stream_id, discarded)
    await world.do("UPDATE log.event SET record = 'broken' WHERE stream_id = $1", stream_id)
    assert await world.withheld() == ["1 troubles could not be told to anybody"]
    position = await world.installation.admin.fetchval("SELECT position FROM log.head")
    aside = trouble_stream("escalation", "v1")
    await record(world.installation, "escalation", aside, parked(position))
    assert await world.withheld() == ["1 troubles could not be told to anybody"]
    settled = RecordDiscarded(parked_id=f"escalation.{position}", by="ben", reason="test")
    await record(world.installation, "escalation", aside, settled)
    assert await world.heartbeat.beat()


@pytest.mark.parametrize(("status", "location"), [(500, ""), (302, "location: /other\r\n"), (None, "")])
async def test_whatever_is_not_a_plain_yes_is_no_heartbeat_and_the_address_is_in_no_line(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int | None, location: str
) -> None:
    monkeypatch.setattr(heartbeat, "TIMEOUT", 0.2)
    world.switch.status, world.switch.location = status, location
    with capture_logs() as lines:
        assert not await world.heartbeat.beat()
    assert world.switch.asked == [f"GET /{SECRET} HTTP/1.1"]
    assert world.cycles.ages() == {}
    assert [line["event"] for line in lines] == ["heartbeat_not_taken"]
    assert SECRET not in str(lines)


async def test_an_address_that_is_none_ends_nothing(world: World, installation: Installation) -> None:
    pool = await open_pool(installation.database.dsn("notifier"), size=1)
    async with httpx2.AsyncClient() as client:
        for url in ("", SECRET, "ftp://127.0.0.1/", "http://[/"):
            assert not await Heartbeat(pool, (), world.cycles, client, SecretStr(url)).beat()
    await pool.close()
    assert not await Heartbeat(pool, (), world.cycles, client, SecretStr("")).beat(), "nor is one without a log"


async def test_notifier_sends_it_by_itself(
    installation: Installation, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    monkeypatch.setattr(heartbeat, "AGAIN", 0.1)

    async def heard_twice() -> bool:
        return len(switch.asked) > 1

    async with installation.service("notifier", alarm_chain=("notifier",), heartbeat_url=switch.url):
        await until(heard_twice)
