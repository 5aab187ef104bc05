"""Deadlines are rows that the append leaves; whoever looks first claims them, and a claim runs out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from shared.contracts.envelope import decode
from shared.contracts.troubles import DeadlineFailed, DeadlineRecovered
from shared.decider import Deadline
from shared.runtime.deadlines import CLAIM, CLAIM_DUE, Deadlines, Due, OnDue
from shared.runtime.log import WrongExpectedVersion
from shared.runtime.telemetry import Cycles
from tests.store.appending import T0, Writer, appends, outside, to
from tests.support.services import Database
from tests.support.waiting import until

FIRST = Deadline("check_in", "v1", T0)
SECOND = Deadline("reminder", "v1", T0 + timedelta(minutes=1))
OTHER_STREAM = Deadline("check_in", "v2", T0)
KINDS = ["check_in", "reminder"]
ROWS = "SELECT stream_id, kind, subject, due_at, topic FROM log.deadline ORDER BY stream_id, kind, subject"
SAID = "SELECT record FROM log.event WHERE type LIKE 'trouble.%' ORDER BY position"
LET_CLAIMS_RUN_OUT = "UPDATE log.deadline SET claimed_until = claimed_until - interval '3 seconds'"

# The log's time stands still at one instant.
STAND_STILL = """
CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT timestamptz ''2026-03-02T09:00:00Z'''
"""


@pytest.fixture
async def standing_still(admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[datetime]:
    """The instant at which the log's time stands still."""
    clock = await admin.fetchval("SELECT pg_get_functiondef('log.now()'::regprocedure)")
    await admin.execute(STAND_STILL)
    yield T0
    await admin.execute(clock)


async def deadlines(admin: asyncpg.Connection[asyncpg.Record]) -> list[Deadline]:
    return [Deadline(row["kind"], row["subject"], row["due_at"]) for row in await admin.fetch(ROWS)]


async def nothing_first() -> None:
    """Do nothing before a claim."""


def clock_of(writer: Writer, handlers: Mapping[str, OnDue]) -> Deadlines:
    """Return a clock of the writer's service."""
    return Deadlines(writer.pool, handlers, Cycles(writer.pool, "one"), writer.troubles, nothing_first)


async def claim(writer: Writer, limit: int = 100) -> list[tuple[str, str, datetime]]:
    rows = await writer.pool.fetch(CLAIM_DUE, KINDS, limit, CLAIM, [])
    return [(row["stream_id"], row["kind"], row["due_at"]) for row in rows]


async def test_an_append_leaves_the_deadlines_that_it_lists(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("visit-v1", 0, 1, FIRST, SECOND), to("visit-v2", 0, 1, OTHER_STREAM))
    assert await deadlines(admin) == [FIRST, SECOND, OTHER_STREAM]
    assert {row["topic"] for row in await admin.fetch(ROWS)} == {"lonewatch.visits.v1"}


@pytest.mark.parametrize("events", [1, 0])
async def test_what_is_no_longer_listed_is_removed_with_events_or_without(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record], events: int
) -> None:
    await checkin.append(to("visit-v1", 0, 1, FIRST, SECOND), to("visit-v2", 0, 1, OTHER_STREAM))
    await checkin.append(to("visit-v1", 1, events, SECOND))
    assert await deadlines(admin) == [SECOND, OTHER_STREAM]
    await checkin.append(to("visit-v1", 1 + events, events))
    assert await deadlines(admin) == [OTHER_STREAM]


@pytest.mark.parametrize("events", [1, 0])
async def test_an_unchanged_deadline_keeps_its_claim_and_a_changed_one_is_free(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record], events: int
) -> None:
    await checkin.append(to("visit-v1", 0, 1, FIRST, SECOND))
    assert len(await claim(checkin)) == 2
    moved = Deadline(SECOND.kind, SECOND.subject, SECOND.due_at + timedelta(seconds=1))
    await checkin.append(to("visit-v1", 1, events, FIRST, moved))
    assert await deadlines(admin) == [FIRST, moved]
    assert await claim(checkin) == [("visit-v1", "reminder", moved.due_at)]


async def test_a_refused_command_leaves_the_deadlines_as_they_are(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("visit-v1", 0, 1, FIRST), origin=outside("id-1"))
    with pytest.raises(WrongExpectedVersion):
        await checkin.append(to("visit-v1", 0, 1, SECOND))
    await checkin.append(to("visit-v1", 0, 1, SECOND), origin=outside("id-1"))  # a repeat
    assert await deadlines(admin) == [FIRST]


async def test_a_deadline_is_due_strictly_after_its_instant(checkin: Writer, standing_still: datetime) -> None:
    just_before = Deadline("check_in", "v1", standing_still - timedelta(microseconds=1))
    now = Deadline("check_in", "v1", standing_still)
    await checkin.append(to("visit-v1", 0, 1, just_before), to("visit-v2", 0, 1, now))
    assert await claim(checkin) == [("visit-v1", "check_in", just_before.due_at)]


async def test_what_is_due_first_is_claimed_first_and_no_more_than_asked_for(checkin: Writer) -> None:
    for number in (3, 1, 2):
        due = Deadline("check_in", "v", T0 + timedelta(seconds=number))
        await checkin.append(to(f"visit-v{number}", 0, 1, due))
    assert [stream_id for stream_id, _, _ in sorted(await claim(checkin, 2))] == ["visit-v1", "visit-v2"]
    assert [stream_id for stream_id, _, _ in await claim(checkin, 2)] == ["visit-v3"]


async def test_two_replicas_that_look_at_once_share_what_is_due(checkin: Writer, other_checkin: Writer) -> None:
    writes = [to(f"visit-v{number}", 0, 1, FIRST) for number in range(300)]
    await asyncio.gather(*(checkin.append(write) for write in writes))
    claimed = await asyncio.gather(*(claim(writer, 40) for writer in (checkin, other_checkin) * 5))
    streams = [stream_id for part in claimed for stream_id, _, _ in part]
    assert sorted(streams) == sorted(write.stream_id for write in writes)


async def test_a_claim_runs_out(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await checkin.append(to("visit-v1", 0, 1, FIRST))
    assert (len(await claim(checkin)), len(await claim(checkin))) == (1, 0)
    await admin.execute(LET_CLAIMS_RUN_OUT)
    assert len(await claim(checkin)) == 1


async def test_a_service_claims_deadlines_of_its_own_streams_only(checkin: Writer, database: Database) -> None:
    async with appends(database.dsn("escalation")) as escalation:
        await checkin.append(to("visit-v1", 0, 1, FIRST))
        await escalation.append(to("escalation-v1", 0, 1, SECOND))
        assert [stream_id for stream_id, _, _ in await claim(escalation)] == ["escalation-v1"]
        assert [stream_id for stream_id, _, _ in await claim(checkin)] == ["visit-v1"]


async def test_the_clock_of_a_service_proposes_each_due_deadline_and_survives_a_handler_that_fails(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    handled: list[Due] = []

    async def check_in(due: Due) -> None:
        handled.append(due)
        await checkin.append(to(due.stream_id, 1))

    async def reminder(due: Due) -> None:
        handled.append(due)
        raise RuntimeError(due.kind)

    await checkin.append(to("visit-v1", 0, 1, FIRST, SECOND), to("visit-v2", 0, 1, SECOND))
    clock = clock_of(checkin, {"check_in": check_in, "reminder": reminder})
    running = asyncio.create_task(clock.run())
    await until(lambda: _gone(admin, "visit-v1"))
    await until(lambda: _seen(handled, 3))
    running.cancel()
    await asyncio.wait({running})
    assert {(due.stream_id, due.kind, due.due_at) for due in handled} == {
        ("visit-v1", "check_in", FIRST.due_at),
        ("visit-v1", "reminder", SECOND.due_at),
        ("visit-v2", "reminder", SECOND.due_at),
    }
    assert await deadlines(admin) == [SECOND]


async def test_a_deadline_whose_handler_fails_thrice_is_a_trouble_once_goes_on_being_tried_and_recovers(
    checkin: Writer, other_checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    tried: list[Due] = []
    broken = True

    async def check_in(due: Due) -> None:
        tried.append(due)
        if broken:
            raise RuntimeError("never shown")
        await checkin.append(to(due.stream_id, 1, visit_id="v1"))

    async def claimed_again(count: int) -> bool:
        await admin.execute(LET_CLAIMS_RUN_OUT)
        return len(tried) >= count

    await checkin.append(to("visit-v1", 0, 1, FIRST, visit_id="v1"))
    first = asyncio.create_task(clock_of(checkin, {"check_in": check_in}).run())
    await until(lambda: _said(admin, DeadlineFailed.type))
    assert len(tried) == 3
    second = asyncio.create_task(clock_of(other_checkin, {"check_in": check_in}).run())
    await until(lambda: claimed_again(6))
    first.cancel()
    await asyncio.wait({first})
    broken, so_far = False, len(tried)
    await until(lambda: claimed_again(so_far + 1))
    await until(lambda: _said(admin, DeadlineRecovered.type))
    second.cancel()
    await asyncio.wait({second})
    (failed, recovered) = [decode(row["record"]).event for row in await admin.fetch(SAID)]
    assert isinstance(failed, DeadlineFailed)
    assert (failed.deadline_stream_id, failed.due_at, failed.visit_id) == ("visit-v1", FIRST.due_at, "v1")
    assert failed.detail.startswith("RuntimeError at ")
    assert "never shown" not in failed.detail
    assert isinstance(recovered, DeadlineRecovered)


async def _said(admin: asyncpg.Connection[asyncpg.Record], type_: str) -> bool:
    return bool(await admin.fetchval("SELECT count(*) FROM log.event WHERE type = $1", type_))


async def _gone(admin: asyncpg.Connection[asyncpg.Record], stream_id: str) -> bool:
    return not await admin.fetchval("SELECT count(*) FROM log.deadline WHERE stream_id = $1", stream_id)


async def _seen(handled: Sequence[Due], count: int) -> bool:
    return len(handled) >= count
