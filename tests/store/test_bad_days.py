"""What one bad record, a step of the clock or a later release must not do to anybody else."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import asyncpg
import pytest

from shared.contracts.envelope import Newer, Recorded, decode
from shared.contracts.troubles import DeadlineFailed, OutageRecorded, RecordParked
from shared.decider import Deadline
from shared.runtime import deadlines as clock_of_a_service
from shared.runtime.consumers import Follower
from shared.runtime.deadlines import CLAIM, CLAIM_DUE, Deadlines, Due
from shared.runtime.feed import Feed
from shared.runtime.log import By, Cause, Unavailable, Write, load
from shared.runtime.parking import Parking
from shared.runtime.reading import Unreadable, parked
from shared.runtime.telemetry import Cycles
from shared.runtime.watch import stale
from shared.trouble import RecordOutage
from tests.store.appending import T0, Writer, appends, to
from tests.store.following import START_REACTION, Answers, Replica, reaction
from tests.support.services import Database
from tests.support.waiting import until

DUE = Deadline("check_in", "v1", T0)
TOLD = "SELECT split_part(stream_id, '-', 2)::bigint FROM log.event WHERE stream_id LIKE 'notification-%' ORDER BY position"
FACTS = "SELECT record FROM log.event WHERE type LIKE 'trouble.%' ORDER BY position"
OF_A_VISIT = "visit-a"

# What only the superuser can do: the bytes of another record stand in a row, or a later release wrote it.
COPY = "UPDATE log.event SET record = (SELECT record FROM log.event WHERE position = $2) WHERE position = $1"
PUT_BACK = "UPDATE log.event SET record = $2 WHERE position = $1"
OF_LATER = """
UPDATE log.event SET record = convert_to(replace(replace(convert_from(record, 'UTF8'), type, type || '9'),
    '"release":"test"', '"release":"99.0.0"'), 'UTF8')
WHERE position = $1
"""


async def bytes_at(admin: asyncpg.Connection[asyncpg.Record], position: int) -> bytes:
    record: bytes = await admin.fetchval("SELECT record FROM log.event WHERE position = $1", position)
    return record


async def facts(admin: asyncpg.Connection[asyncpg.Record]) -> list[object]:
    return [decode(row["record"]).event for row in await admin.fetch(FACTS)]


async def nothing_first() -> None:
    """Do nothing before a claim."""


async def test_a_handler_that_always_fails_as_if_the_system_did_holds_its_shard_up_for_a_while_only(
    checkin: Writer, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await admin.execute(START_REACTION)
    await checkin.append(to("visit-bad", visit_id="same"))
    await checkin.append(to("visit-good", visit_id="same2"))
    await admin.execute("UPDATE log.applied SET position = 0")
    async with appends(database.dsn("notifier")) as writer:
        answers = Answers(writer)

        async def answer(recorded: Recorded, cause: Cause, by: By) -> None:
            if recorded.position == 1:
                raise FileNotFoundError
            await answers.answer(recorded, cause, by)

        one = Replica(
            Feed(writer.pool, writer.pool, writer.troubles, [reaction(answer)], [], Cycles(writer.pool, "1")), answers
        )

        async def all_moved() -> bool:
            await one.follow()
            return await one.feed.look() == 0 and not one.feed.working

        await until(all_moved)
    (fact,) = await facts(admin)
    assert isinstance(fact, RecordParked)
    assert fact.detail.startswith("FileNotFoundError at ")
    assert [row[0] for row in await admin.fetch(TOLD)] == [2]


async def test_many_records_that_fail_in_one_shard_delay_the_others_no_more_than_one_does(
    checkin: Writer, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await admin.execute(START_REACTION)
    # No visit: the shard is that of the stream. Each stream is another subject in the shard of the first.
    shard = await admin.fetchval("SELECT log.shard('worker-0')")
    numbers = "SELECT number FROM generate_series(0, 5000) AS number WHERE log.shard('worker-' || number) = $1 LIMIT 12"
    streams = [f"worker-{row[0]}" for row in await admin.fetch(numbers, shard)]
    for stream_id in streams:
        await checkin.append(to(stream_id))
    async with appends(database.dsn("notifier")) as writer:
        answers = Answers(writer, lambda recorded: recorded.envelope.stream_id != streams[-1])
        one = Replica(
            Feed(writer.pool, writer.pool, writer.troubles, [reaction(answers.answer)], [], Cycles(writer.pool, "1")),
            answers,
        )

        async def told() -> bool:
            await one.follow()
            return [row[0] for row in await admin.fetch(TOLD)] == [12]

        await until(told, within=5)
    assert [answers.given.count(position) for position in range(1, 13)] == [3, *[1] * 11]


async def test_a_record_that_belongs_elsewhere_is_left_out_of_a_decision(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to(OF_A_VISIT, events=3, visit_id="a"))
    await checkin.append(to("visit-b", visit_id="b"))
    before = await bytes_at(admin, 2)
    for position in (1, 4):
        await admin.execute(COPY, 2, position)
        for tail in ({}, {OF_A_VISIT: 2}):
            stream = (await load(checkin.pool, [OF_A_VISIT], tails=tail))[OF_A_VISIT]
            assert [recorded.position for recorded in stream.history] == ([3] if tail else [1, 3])
            assert (stream.version, stream.unreadable) == (3, 1)
    await admin.execute(PUT_BACK, 2, before)


async def test_a_record_that_says_another_visit_than_its_row_is_left_out_of_a_decision(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to(OF_A_VISIT, events=2, visit_id="a"))
    await admin.execute("UPDATE log.event SET visit_id = NULL WHERE position = 2")
    stream = (await load(checkin.pool, [OF_A_VISIT]))[OF_A_VISIT]
    assert ([recorded.position for recorded in stream.history], stream.unreadable) == ([1], 1)
    await admin.execute("UPDATE log.event SET visit_id = 'a' WHERE position = 2")
    assert (await load(checkin.pool, [OF_A_VISIT]))[OF_A_VISIT].unreadable == 0


async def test_a_trouble_is_recorded_although_a_later_release_wrote_in_its_stream(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    def away(minute: int) -> RecordOutage:
        return RecordOutage("checkin", "clock", T0.replace(minute=minute), T0.replace(minute=minute + 1), 0)

    await checkin.troubles.record("outage", away(1))
    await checkin.append(to(OF_A_VISIT))
    before = [await bytes_at(admin, position) for position in (1, 2)]
    for position in (1, 2):
        await admin.execute(OF_LATER, position)
    await checkin.troubles.record("outage", away(5))
    with pytest.raises(Newer):
        await load(checkin.pool, [OF_A_VISIT])
    for position, record in enumerate(before, 1):
        await admin.execute(PUT_BACK, position, record)
    assert [type(fact) for fact in await facts(admin)] == [OutageRecorded, OutageRecorded]


async def test_a_claim_made_before_the_clock_was_put_back_is_no_claim(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to(OF_A_VISIT, 0, 1, DUE))
    await admin.execute("UPDATE log.deadline SET claimed_until = clock_timestamp() + interval '1 hour'")
    assert len(await checkin.pool.fetch(CLAIM_DUE, ["check_in"], 10, CLAIM, [])) == 1
    assert await checkin.pool.fetch(CLAIM_DUE, ["check_in"], 10, CLAIM, []) == []


async def test_a_deadline_of_a_stream_that_a_later_release_wrote_in_is_left_to_it_before_anybody_is_told(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Due] = []

    async def check_in(due: Due) -> None:
        tried.append(due)
        raise Newer

    await checkin.append(to(OF_A_VISIT, 0, 1, DUE))
    cycles = Cycles(checkin.pool, "1")
    clock = Deadlines(checkin.pool, {"check_in": check_in}, cycles, checkin.troubles, nothing_first)
    running = asyncio.create_task(clock.run())

    async def times(count: int) -> bool:
        await admin.execute("UPDATE log.deadline SET claimed_until = NULL")
        return len(tried) == count

    await until(lambda: times(1))
    seen: list[float] = []

    async def looked_thrice() -> bool:
        seen.append(cycles.ages()["clock"])
        return sum(after < before for before, after in pairwise(seen)) >= 3

    await until(looked_thrice)
    assert (len(tried), await facts(admin)) == (1, [])
    newer = await checkin.pool.fetch(CLAIM_DUE, ["check_in"], 10, CLAIM, [])
    assert [row["stream_id"] for row in newer] == [OF_A_VISIT]
    monkeypatch.setattr(clock_of_a_service, "_LEFT_TO_NEWER", 0)
    await until(lambda: times(2))

    async def said() -> bool:
        return bool(await facts(admin))

    await until(said)
    running.cancel()
    await asyncio.wait({running})
    assert {type(fact) for fact in await facts(admin)} == {DeadlineFailed}


@pytest.mark.parametrize(("error", "told"), [(FileNotFoundError("template"), True), (Unavailable("away"), False)])
async def test_a_deadline_that_fails_as_if_the_system_did_is_told_after_a_few_claims_and_not_while_appends_fail(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record], error: Exception, *, told: bool
) -> None:
    tried: list[Due] = []

    async def check_in(due: Due) -> None:
        tried.append(due)
        raise error

    await checkin.append(to(OF_A_VISIT, 0, 1, DUE, visit_id="a"))
    clock = Deadlines(checkin.pool, {"check_in": check_in}, Cycles(checkin.pool, "1"), checkin.troubles, nothing_first)
    running = asyncio.create_task(clock.run())

    async def six_times() -> bool:
        await admin.execute("UPDATE log.deadline SET claimed_until = NULL")
        return len(tried) >= 6

    await until(six_times)
    running.cancel()
    await asyncio.wait({running})
    await clock.drain()
    assert [type(fact) for fact in await facts(admin)] == ([DeadlineFailed] if told else [])


async def test_a_cycle_that_was_finished_before_the_clock_was_put_back_hides_no_absence(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    wrote = """
    INSERT INTO log.cycle SELECT 'checkin', $1, loop, clock_timestamp() + $2::text::interval
    FROM unnest(ARRAY['feed', 'clock']) AS loop
    """
    await admin.execute(wrote, "1", "1 hour")
    assert len(await stale(checkin.pool, ["checkin"])) == 2
    await admin.execute(wrote, "2", "-1 second")
    assert await stale(checkin.pool, ["checkin"]) == ()


async def test_what_is_parked_is_listed_page_by_page_without_what_is_settled(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to(OF_A_VISIT, events=1, visit_id="a"))
    row = await admin.fetchrow("SELECT * FROM log.event WHERE position = 1")
    assert row is not None
    fact = parked("checkin", "checkin", row, Unreadable("handler_failed"))
    several = [fact.model_copy(update={"parked_id": f"checkin.{number}"}) for number in range(1, 502)]
    stream_id = "checkin_trouble-a"
    await checkin.append(Write(stream_id, 0, several[:490], visit_id="a"))
    await checkin.append(Write(stream_id, 490, several[490:], visit_id="a"))
    parking = Parking(Follower(checkin.pool, checkin.troubles), [], [])
    assert [one.fact.parked_id for one in await parking.waiting()] == [f"checkin.{number}" for number in range(1, 501)]
    await parking.discard("checkin.1", "no_use", By("w1", "corr-1"))
    assert [one.fact.parked_id for one in await parking.waiting()] == [f"checkin.{number}" for number in range(2, 502)]
