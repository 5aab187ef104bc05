"""What the log keeps of an event: exact bytes, composed once, and columns that are copies of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest

from shared.contracts.envelope import decode
from shared.runtime.log import Append, By, Write, load
from tests.store.appending import BY, RELEASE, T0, Writer, fact, outside, to
from tests.store.checker import check_log

# A clock that goes back by an hour, for whoever appends next.
CLOCK_BACK = "UPDATE log.shift SET by = '-1 hour'"
FALSIFY = (
    "UPDATE log.event SET actor = 'somebody else' WHERE position = 2",
    "UPDATE log.event SET visit_id = NULL WHERE position = 2",
    "UPDATE log.event SET occurred_at = occurred_at + interval '1 microsecond' WHERE position = 2",
    "UPDATE log.event SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 2",
    "UPDATE log.event SET record = record || ' '::bytea || '}'::bytea WHERE position = 2",
    "UPDATE log.event SET record = (SELECT record FROM log.event WHERE position = 1) WHERE position = 2",
    "UPDATE log.event SET version = 9 WHERE position = 2",
    "UPDATE log.event SET position = 9 WHERE position = 2",
    "DELETE FROM log.event WHERE position = 2",
    "DELETE FROM log.event WHERE position = 3",
)
"""What somebody might do to a log behind its back; the checker of this suite finds each."""


async def record_at(admin: asyncpg.Connection[asyncpg.Record], position: int) -> bytes:
    record: bytes = await admin.fetchval("SELECT record FROM log.event WHERE position = $1", position)
    return record


async def test_a_record_begins_with_what_the_log_alone_knows(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    outcome = await checkin.append(to("visit-v1", events=2, visit_id="v1"))
    incarnation = await admin.fetchval("SELECT incarnation::text FROM log.head")
    at = outcome.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for position in (1, 2):
        prefix = f'{{"incarnation":"{incarnation}","position":{position},"recorded_at":"{at}",'
        assert (await record_at(admin, position)).startswith(prefix.encode())


async def test_a_record_decodes_to_what_was_written(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    occurred_at = T0.astimezone(timezone(timedelta(hours=5, minutes=30))) - timedelta(microseconds=1)
    by = By("worker:żółć", 'corr "1"', "cause\n1", occurred_at)
    write = Write("visit-v1", 0, [fact(1), fact(2)], visit_id="v1", site_id="s1")
    await checkin.sequencer.append(Append([write], by, T0))
    recorded = decode(await record_at(admin, 2))
    envelope = recorded.envelope
    assert recorded.event == fact(2)
    assert (envelope.stream_id, envelope.version, envelope.visit_id, envelope.site_id) == ("visit-v1", 2, "v1", "s1")
    assert (envelope.actor, envelope.correlation_id, envelope.causation_id) == (by.actor, 'corr "1"', "cause\n1")
    assert (envelope.occurred_at, envelope.release) == (occurred_at, RELEASE)
    assert (envelope.topic, envelope.type) == ("lonewatch.visits.v1", "worker.token_issued.v1")


async def test_without_a_claim_an_event_occurred_when_it_was_decided(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-a"))
    assert json.loads(await record_at(admin, 1))["occurred_at"] == "2026-03-02T09:00:00.000000Z"


async def test_two_equal_events_have_records_that_nobody_could_guess_from_one_another(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for version in range(100):
        await checkin.append(Write("worker-a", version, [fact()]))
    salts = {decode(await record_at(admin, position)).envelope.salt for position in range(1, 101)}
    assert len(salts) == 100
    assert {len(bytes.fromhex(salt)) for salt in salts} == {16}


async def test_recorded_at_never_goes_back_even_when_the_clock_does(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    before = await checkin.append(to("worker-a"))
    await admin.execute(CLOCK_BACK)
    after = await checkin.append(to("worker-a", 1))
    assert after.recorded_at == before.recorded_at


async def test_a_load_returns_streams_in_order_with_the_logs_time(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-a", events=3), origin=outside("id-1"), answer={"n": 1})
    await admin.execute("UPDATE log.shift SET by = '100 days'")
    loaded = await load(checkin.pool, ["worker-b", "worker-a"], outside("id-1"))
    assert loaded["worker-a"].events == [fact(1), fact(2), fact(3)]
    assert (loaded["worker-a"].version, loaded["worker-b"].version) == (3, 0)
    assert loaded.now > datetime.now(UTC) + timedelta(days=99)  # noqa: TID251 -- against this machine's clock
    assert loaded.known is not None
    assert (loaded.known.first, loaded.known.first_position, loaded.known.answer) == (False, 1, {"n": 1})
    assert (await load(checkin.pool, [], outside("id-2"))).known is None


async def test_the_checker_of_this_suite_finds_a_falsified_log(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("visit-v1", events=2, visit_id="v1"), origin=outside("id-1"))
    await checkin.sequencer.append(Append([to("visit-v1", 2, visit_id="v1")], BY, T0))
    assert await check_log(admin) == 3
    for falsify in FALSIFY:
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute(falsify)
        with pytest.raises((AssertionError, ValueError)):
            await check_log(admin)
        await transaction.rollback()
