"""A connection is lost around a commit: the caller gets an answer all the same, and the command took effect once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from shared.contracts.topics import VISITS
from shared.runtime.commands import Decided
from shared.runtime.log import AlreadyApplied, Cause, Loaded, Unavailable, WrongExpectedVersion
from tests.store.appending import BY, Writer, appends, outside, to
from tests.support.proxy import Cut, Proxy, proxied
from tests.support.services import Database
from tests.support.waiting import until

CUTS: tuple[Cut, ...] = ("before the request", "before the answer")
APPLIED = "SELECT position FROM log.applied WHERE consumer = 'checkin:follower' AND shard = 7"
LOCK_HEAD = "SELECT FROM log.head FOR UPDATE"

# Who waits for the lock of the log in an append.
WAITING = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%log.append%' AND wait_event_type = 'Lock'"


@pytest.fixture
async def line(database: Database) -> AsyncIterator[tuple[Proxy, str]]:
    """A line to the server that can be cut, and the address of the log at its near end."""
    there = urlsplit(database.dsn("checkin"))
    assert there.hostname
    assert there.port
    async with proxied(there.hostname, there.port) as (proxy, port):
        yield proxy, urlunsplit(there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{port}"))


@pytest.fixture
async def far(
    line: tuple[Proxy, str], admin: asyncpg.Connection[asyncpg.Record]
) -> AsyncIterator[tuple[Proxy, Writer]]:
    """A process whose one connection goes over the line, and has appended one event already."""
    await admin.execute("SELECT log.start_reaction('checkin:follower', $1)", VISITS)
    proxy, dsn = line
    async with appends(dsn, size=1) as writer:
        await writer.append(to("worker-before"))  # so that the next request is the call itself
        yield proxy, writer


async def written(admin: asyncpg.Connection[asyncpg.Record]) -> int:
    count: int = await admin.fetchval("SELECT count(*) FROM log.event WHERE stream_id = 'worker-a'")
    return count


@pytest.mark.parametrize("cut", CUTS)
async def test_a_command_with_an_id_takes_effect_once_wherever_the_line_is_cut(
    far: tuple[Proxy, Writer], admin: asyncpg.Connection[asyncpg.Record], cut: Cut
) -> None:
    proxy, writer = far
    proxy.cut = cut
    outcome = await writer.append(to("worker-a"), origin=outside("id-1"), answer={"n": 1})
    assert proxy.cuts == 1
    assert outcome.first is (cut == "before the request")
    assert (outcome.first_position, outcome.answer) == (2, {"n": 1})
    assert await written(admin) == 1


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("events", [1, 0])
async def test_a_reaction_takes_effect_once_wherever_the_line_is_cut(
    far: tuple[Proxy, Writer], admin: asyncpg.Connection[asyncpg.Record], cut: Cut, events: int
) -> None:
    proxy, writer = far
    proxy.cut = cut
    appending = writer.append(to("worker-a", events=events), origin=Cause("checkin:follower", VISITS, 7, 0, 1))
    if cut == "before the answer":
        with pytest.raises(AlreadyApplied):
            await appending
    else:
        assert (await appending).first
    assert proxy.cuts == 1
    assert await written(admin) == events
    assert await admin.fetchval(APPLIED) == 1


@pytest.mark.parametrize("cut", CUTS)
async def test_a_command_with_neither_takes_effect_once_wherever_the_line_is_cut(
    far: tuple[Proxy, Writer], admin: asyncpg.Connection[asyncpg.Record], cut: Cut
) -> None:
    proxy, writer = far
    proxy.cut = cut
    appending = writer.append(to("worker-a"))
    if cut == "before the answer":
        with pytest.raises(WrongExpectedVersion):
            await appending
    else:
        assert (await appending).first
    assert proxy.cuts == 1
    assert await written(admin) == 1


@pytest.mark.parametrize("cut", CUTS)
async def test_a_decision_whose_answer_was_lost_is_made_again_on_what_it_left(
    far: tuple[Proxy, Writer], admin: asyncpg.Connection[asyncpg.Record], cut: Cut
) -> None:
    proxy, writer = far
    decided: list[int] = []

    def once(loaded: Loaded) -> Decided:
        version = loaded["worker-a"].version
        decided.append(version)
        proxy.cut = cut if len(decided) == 1 else None
        return Decided(writes=[to("worker-a", version, events=0 if version else 1)])

    await writer.commands.handle("once", ["worker-a"], once, BY)
    assert proxy.cuts == 1
    assert decided == ([0, 1] if cut == "before the answer" else [0])
    assert await written(admin) == 1


@pytest.mark.parametrize("cut", CUTS)
async def test_a_whole_batch_takes_effect_once_wherever_the_line_is_cut(
    far: tuple[Proxy, Writer], admin: asyncpg.Connection[asyncpg.Record], cut: Cut
) -> None:
    proxy, writer = far
    proxy.cut = cut
    sent = [writer.append(to(f"worker-{number}", events=2), origin=outside(f"id-{number}")) for number in range(50)]
    outcomes = await asyncio.gather(*sent)
    assert proxy.cuts == 1
    assert sorted(outcome.first_position or 0 for outcome in outcomes) == list(range(2, 102, 2))
    assert await admin.fetchval("SELECT count(*) FROM log.event") == 101


async def test_a_call_whose_backend_is_ended_in_the_middle_takes_effect_once(
    far: tuple[Proxy, Writer], database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    _, writer = far
    holder = await asyncpg.connect(database.admin)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(LOCK_HEAD)
    sent = [
        asyncio.create_task(writer.append(to("worker-a"), origin=outside("id-1"))),
        asyncio.create_task(writer.append(to("worker-b"), origin=Cause("checkin:follower", VISITS, 7, 0, 1))),
        asyncio.create_task(writer.append(to("worker-c"))),
    ]
    await until(lambda: admin.fetchval(WAITING))
    ended = await admin.fetchval(WAITING)
    assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", ended)
    await transaction.rollback()
    outcomes = await asyncio.gather(*sent)
    await holder.close()
    assert [outcome.first for outcome in outcomes] == [True, True, True]
    assert await written(admin) == 1


async def test_a_caller_is_told_when_the_log_cannot_be_reached(
    line: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, dsn = line
    monkeypatch.setattr("shared.runtime.sequencer.GIVE_UP_AFTER", 0.5)
    async with appends(dsn, size=1) as writer:
        await writer.append(to("worker-before"))
        await writer.pool.expire_connections()
        proxy.port = 1  # nothing listens there
        with pytest.raises(Unavailable):
            await writer.append(to("worker-a"), origin=outside("id-1"))


async def test_whoever_waits_is_told_that_the_outcome_is_unknown_when_the_process_stops(
    database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with asyncpg.create_pool(database.admin, min_size=1, max_size=1) as holders, holders.acquire() as holder:
        async with holder.transaction():
            await holder.execute(LOCK_HEAD)
            async with appends(database.dsn("checkin")) as writer:
                sent = asyncio.create_task(writer.append(to("worker-a")))
                await until(lambda: admin.fetchval(WAITING))
        with pytest.raises(Unavailable):
            await sent
