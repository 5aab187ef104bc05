"""Whoever follows the log applies each event once and in order, with several replicas, failures and rebuilds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from shared.contracts.accounts import TokenIssued
from shared.contracts.envelope import Recorded, decode
from shared.contracts.topics import VISITS, shard_of
from shared.contracts.troubles import RecordParked
from shared.contracts.visits import VisitCancelled
from shared.runtime.consumers import PAGE, MissingRowError
from shared.runtime.feed import Feed
from shared.runtime.log import By, Cause, Write
from shared.runtime.telemetry import Cycles
from tests.store.appending import Writer, to
from tests.store.following import (
    MAKE_READ_MODEL,
    READ_MODEL,
    START_REACTION,
    Replica,
    reaction,
    replica,
    see,
)
from tests.support.services import Database
from tests.support.waiting import until

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection

TOKENS = "SELECT position FROM log.event WHERE type = 'worker.token_issued.v1' ORDER BY position"
TOLD = """
SELECT split_part(stream_id, '-', 2)::bigint AS position FROM log.event WHERE stream_id LIKE 'notification-%'
ORDER BY 1
"""
TOKEN_ROWS = "SELECT * FROM log.event WHERE type = 'worker.token_issued.v1' ORDER BY position"
PARKED = "SELECT record FROM log.event WHERE type = 'trouble.record_parked.v1' ORDER BY position"
SEEN = "SELECT stream_id, position, of_stream FROM sample.seen ORDER BY position"
NEWEST = "SELECT max(position) FROM log.event WHERE topic = $1 AND shard = $2"
APPLIED = "SELECT position FROM log.applied WHERE consumer = 'notifier:sample' AND shard = $1"
READ = "SELECT position FROM sample.applied WHERE shard = $1"
REBUILD = "TRUNCATE sample.seen; UPDATE sample.applied SET position = 0"


@pytest.fixture
async def followed(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Writer]:
    """Checkin, whose topic has a follower from the beginning on."""
    await admin.execute(MAKE_READ_MODEL)
    await admin.execute(START_REACTION)
    yield checkin
    await admin.execute("DROP SCHEMA sample CASCADE")


@pytest.fixture
async def replicas(followed: Writer, database: Database) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two processes that follow."""
    assert not followed.pool.is_closing()
    async with AsyncExitStack() as stack:
        dsn = database.dsn("notifier")
        yield await stack.enter_async_context(replica(dsn)), await stack.enter_async_context(replica(dsn))


def cancelled(stream_id: str, version: int) -> Write:
    """Write something that nobody here follows."""
    return Write(stream_id, version, [VisitCancelled(visit_id="v1", reason="none")])


async def positions(admin: asyncpg.Connection[asyncpg.Record], query: str) -> list[int]:
    return [row["position"] for row in await admin.fetch(query)]


async def visits(writer: Writer, count: int = 60, rounds: int = 5) -> None:
    """Append to many streams: in each round something followed and something not."""
    for number in range(rounds):
        await asyncio.gather(*(writer.append(to(f"visit-{which}", 2 * number)) for which in range(count)))
        await asyncio.gather(*(writer.append(cancelled(f"visit-{which}", 2 * number + 1)) for which in range(count)))


async def test_each_record_is_applied_once_and_what_nobody_follows_is_skipped(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await visits(followed)
    await replicas[0].follow()
    assert await positions(admin, TOLD) == await positions(admin, SEEN) == await positions(admin, TOKENS)
    for shard in range(64):
        newest = await admin.fetchval(NEWEST, VISITS, shard) or 0
        assert await admin.fetchval(APPLIED, shard) == await admin.fetchval(READ, shard) == newest
    given = len(replicas[0].answers.given)
    await replicas[0].follow()
    assert len(replicas[0].answers.given) == given


async def test_two_replicas_that_follow_at_once_apply_each_record_once(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for number in range(5):
        await asyncio.gather(*(followed.append(to(f"visit-{which}", 2 * number, 2)) for which in range(40)))
        await asyncio.gather(*(one.follow() for one in replicas))
        assert await positions(admin, TOLD) == await positions(admin, SEEN) == await positions(admin, TOKENS)


async def test_an_answer_says_what_caused_it(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a"))
    await replicas[0].follow()
    cause, answer = await admin.fetch("SELECT * FROM log.event ORDER BY position")
    assert answer["causation_id"] == cause["event_id"]
    assert answer["correlation_id"] == cause["correlation_id"]
    assert answer["actor"] == "system:notifier:sample"


async def test_a_shard_with_more_than_a_page_is_followed_to_its_end(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", 0, PAGE))
    await followed.append(to("visit-a", PAGE, PAGE))
    await followed.append(cancelled("visit-a", 2 * PAGE))
    assert await replicas[0].feed.look()
    await replicas[0].follow()
    assert len(await positions(admin, TOLD)) == len(await positions(admin, SEEN)) == 2 * PAGE


async def test_a_record_whose_handler_fails_thrice_is_parked_and_holds_up_nothing_but_what_follows_of_its_stream(
    followed: Writer, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    def fails(recorded: Recorded) -> bool:
        return recorded.envelope.stream_id == "visit-7" and recorded.envelope.version == 3

    await visits(followed)
    async with replica(database.dsn("notifier"), fails) as one:
        await until(lambda: all_moved(one))
        given = one.answers.given
    tokens = await admin.fetch(TOKEN_ROWS)
    expected = [row["position"] for row in tokens if row["stream_id"] != "visit-7" or row["version"] < 3]
    assert await positions(admin, TOLD) == expected
    assert await positions(admin, SEEN) == await positions(admin, TOKENS)
    parked = await parked_facts(admin)
    assert [fact.position for fact in parked] == [row["position"] for row in tokens if row["position"] not in expected]
    assert [fact.reason for fact in parked] == ["handler_failed", "behind", "behind", "behind"]
    assert {fact.behind for fact in parked[1:]} == {parked[0].parked_id}
    assert given.count(parked[0].position) == 3


async def test_what_a_read_model_cannot_apply_is_parked_and_passed_over_and_the_rest_of_the_visit_goes_on(
    followed: Writer, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    async def see_or_fail(connection: Connection, recorded: Recorded) -> None:
        await see(connection, recorded)
        if recorded.envelope.stream_id == "visit-7" and recorded.envelope.version == 3:
            raise RuntimeError

    await visits(followed)
    broken = replace(READ_MODEL, applies={TokenIssued.type: see_or_fail})
    async with replica(database.dsn("notifier"), read_model=broken) as one:
        await until(lambda: all_moved(one))
    tokens = await admin.fetch(TOKEN_ROWS)
    failed = [row["position"] for row in tokens if row["stream_id"] == "visit-7" and row["version"] == 3]
    assert await positions(admin, SEEN) == [row["position"] for row in tokens if row["position"] not in failed]
    assert [(fact.position, fact.consumer) for fact in await parked_facts(admin)] == [(failed[0], "sample.sample")]
    assert await positions(admin, TOLD) == await positions(admin, TOKENS)


async def all_moved(one: Replica) -> bool:
    """Let a replica follow; say whether nothing is left to it."""
    await one.follow()
    return await one.feed.look() == 0 and not one.feed.working


async def parked_facts(admin: asyncpg.Connection[asyncpg.Record]) -> list[RecordParked]:
    """Return what was parked, in order."""
    facts = [decode(row["record"]).event for row in await admin.fetch(PARKED)]
    return [fact for fact in facts if isinstance(fact, RecordParked)]


async def test_a_read_model_rebuilt_from_the_beginning_has_the_same_rows(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for number in range(5):
        await asyncio.gather(*(followed.append(to(f"visit-{which}", number)) for which in range(40)))
        await replicas[number % 2].follow()
    rows = await admin.fetch(SEEN)
    assert len(rows) == 200
    await admin.execute(REBUILD)
    await asyncio.gather(*(one.follow() for one in replicas))
    assert await admin.fetch(SEEN) == rows
    assert len(await positions(admin, TOLD)) == 200


async def test_a_shard_that_another_replica_is_at_is_looked_at_again(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a"))
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("SELECT FROM sample.applied FOR UPDATE")
    await replicas[0].follow()
    assert await positions(admin, SEEN) == []
    await transaction.rollback()  # the other one came to nothing

    async def seen() -> bool:
        await replicas[0].follow()
        return len(await positions(admin, SEEN)) == 1

    await until(seen)


async def test_a_reaction_without_all_of_its_rows_refuses_to_start(
    replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await replicas[0].feed.check()
    await admin.execute("DELETE FROM log.applied WHERE shard = 63")
    with pytest.raises(MissingRowError, match=r"notifier:sample .*lonewatch\.visits\.v1: run the migrations"):
        await replicas[0].feed.check()
    await admin.execute("DELETE FROM log.applied")
    with pytest.raises(MissingRowError):
        await replicas[0].feed.check()


async def test_the_age_of_the_oldest_record_not_applied_is_known(
    followed: Writer, replicas: tuple[Replica, Replica]
) -> None:
    assert await replicas[0].feed.oldest() == 0
    await followed.append(to("visit-a"))
    assert 0 < await replicas[0].feed.oldest() < 20
    await replicas[0].follow()
    assert await replicas[0].feed.oldest() == 0


async def test_a_running_feed_says_when_it_has_reached_a_position(
    followed: Writer, replicas: tuple[Replica, Replica], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    feed = replicas[0].feed
    running = asyncio.create_task(feed.run())
    outcome = await followed.append(to("visit-a", events=3))
    assert outcome.last_position is not None
    assert await feed.reached(outcome.last_position)
    assert len(await positions(admin, SEEN)) == 3
    await followed.append(to("visit-a", 3))
    await until(lambda: admin.fetchval("SELECT count(*) = 4 FROM sample.seen"))
    running.cancel()
    await asyncio.wait({running})


async def test_a_feed_without_anybody_to_follow_for_has_nothing_left(checkin: Writer) -> None:
    await checkin.append(to("visit-a"))
    feed = Feed(checkin.pool, checkin.pool, checkin.troubles, [], [], Cycles(checkin.pool, "one"))
    assert await feed.look() == 0
    assert await feed.oldest() == 0
    await feed.check()


async def test_a_shard_without_a_backlog_does_not_wait_for_one_that_has(
    followed: Writer, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    quick = next(f"visit-{n}" for n in range(2, 99) if shard_of(f"visit-{n}") != shard_of("visit-1"))
    began, held = asyncio.Event(), asyncio.Event()
    async with replica(database.dsn("notifier")) as one:
        writer = one.answers.writer

        async def slowly(recorded: Recorded, cause: Cause, by: By) -> None:
            if recorded.envelope.stream_id == "visit-1":
                began.set()
                await held.wait()
            await one.answers.answer(recorded, cause, by)

        cycles = Cycles(writer.pool, "one")
        feed = Feed(writer.pool, writer.pool, writer.troubles, [reaction(slowly)], [], cycles)
        await followed.append(to("visit-1"))
        running = asyncio.create_task(feed.run())
        await began.wait()
        await followed.append(to(quick))
        await until(lambda: told(admin, 1))
        held.set()
        await until(lambda: told(admin, 2))
        running.cancel()
        await asyncio.wait({running})


async def told(admin: asyncpg.Connection[asyncpg.Record], count: int) -> bool:
    """Say whether so many records have been answered."""
    return len(await admin.fetch(TOLD)) == count
