"""Loads that are asked for at the same moment are answered by one look, each as if it had been alone."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from shared.runtime.loading import LOAD_MANY, MOST_AT_ONCE, Loads
from shared.runtime.log import Loaded, OtherContent, Stream, load
from tests.store.appending import Writer, outside, settled, to

NOT_TEXT = "visit-\ud800"
"""A stream id that cannot be written in UTF-8, so that the whole look fails."""


def positions(stream: Stream) -> list[int]:
    return [recorded.position for recorded in stream.history]


@pytest.fixture
def loads(checkin: Writer) -> Loads:
    return Loads(checkin.pool)


async def test_each_command_gets_its_own_streams_and_its_own_known_id(checkin: Writer, loads: Loads) -> None:
    await checkin.append(to("visit-1", 0, 3, visit_id="1"), to("worker-w1", 0, 1))
    await checkin.append(to("visit-2", 0, 2, visit_id="2"), origin=outside("a"), answer={"said": "yes"})
    found = await settled(
        loads.load(["visit-1", "worker-w1", "visit-1"]),
        loads.load(["visit-2"], outside("a")),
        loads.load([]),
        loads.load(["visit-1"], outside("b"), {"visit-1": 2}),
    )
    one, known, none, tail = (each for each in found if isinstance(each, Loaded))
    assert {stream_id: positions(stream) for stream_id, stream in one.streams.items()} == {
        "visit-1": [1, 2, 3],
        "worker-w1": [4],
    }
    assert known.known is not None
    assert known.known.answer == {"said": "yes"}
    assert known.known.receipt is not None
    assert (none.streams, none.known) == ({}, None)
    assert (positions(tail["visit-1"]), tail["visit-1"].version, tail.known) == ([2, 3], 3, None)


async def test_together_or_alone_the_same_is_loaded(checkin: Writer, loads: Loads) -> None:
    await checkin.append(to("visit-1", 0, 3, visit_id="1"), origin=outside("a"))
    alone = await load(checkin.pool, ["visit-1", "visit-none"], outside("a"), {"visit-1": 2})
    together = await loads.load(["visit-1", "visit-none"], outside("a"), {"visit-1": 2})
    assert (together.streams, together.known) == (alone.streams, alone.known)


async def test_what_is_wrong_with_one_is_answered_to_it_alone(checkin: Writer, loads: Loads) -> None:
    await checkin.append(to("visit-1", 0, 1, visit_id="1"), origin=outside("a"))
    good, other, bad = await settled(
        loads.load(["visit-1"], outside("a")), loads.load([], outside("a", b"other")), loads.load([NOT_TEXT])
    )
    assert isinstance(good, Loaded)
    assert isinstance(other, OtherContent)
    assert isinstance(bad, asyncpg.DataError | UnicodeError)


async def test_more_than_go_into_one_look_are_all_answered(checkin: Writer, loads: Loads) -> None:
    await checkin.append(to("visit-1", 0, 1, visit_id="1"))
    found = await settled(*(loads.load(["visit-1"]) for _ in range(3 * MOST_AT_ONCE)))
    assert all(isinstance(each, Loaded) and each["visit-1"].version == 1 for each in found)


async def test_a_load_that_comes_at_the_moment_in_which_a_look_ends_is_answered(loads: Loads) -> None:
    async def one_after_another() -> None:
        for _ in range(100):
            await loads.load([])

    async with asyncio.timeout(30):
        await asyncio.gather(*(one_after_another() for _ in range(6)))


async def test_a_caller_who_goes_away_holds_nobody_up(checkin: Writer, loads: Loads) -> None:
    await checkin.append(to("visit-1", 0, 1, visit_id="1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await loads.load(["visit-1"])
    assert (await loads.load(["visit-1"]))["visit-1"].version == 1


async def test_a_lost_database_is_said_to_all_who_wait(checkin: Writer, loads: Loads) -> None:
    checkin.pool.terminate()
    found = await settled(loads.load(["visit-1"]), loads.load(["visit-2"]))
    assert all(isinstance(each, asyncpg.InterfaceError) for each in found)


async def test_the_look_reads_no_table_whole(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await checkin.append(
        *(to(f"visit-{number}", 0, 2, visit_id=str(number)) for number in range(100)), origin=outside("a")
    )
    before = await _scans(admin)
    await checkin.pool.fetch(LOAD_MANY, [0], ["visit-1"], [0], ["phones"], ["a"])
    assert await _scans(admin) == before


async def _scans(admin: asyncpg.Connection[asyncpg.Record]) -> int:
    await admin.execute("SELECT pg_stat_force_next_flush()")
    found: int = await admin.fetchval(
        "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('event', 'command') AND schemaname = 'log'"
    )
    return found
