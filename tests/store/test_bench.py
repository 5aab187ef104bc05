"""The benchmarks run: a few events each, so that none of them has rotted when somebody wants to measure."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console

from bench import appending, falling_due, peer, reading, timelines
from bench.ground import IN_MEMORY, Log, NoDiskError, kind_of, served
from bench.results import Demand, Result, at_least_of_limit, at_most, show, write
from bench.rounds import Rounds, percentile
from tests.support.services import PASSWORD, Database


@pytest.fixture
def log(database: Database, admin: asyncpg.Connection[asyncpg.Record]) -> Log:
    """An empty log, as a benchmark is given one."""
    return Log(database.server, database.suffix, PASSWORD, admin)


async def test_appending_is_measured_against_the_bare_insert(log: Log) -> None:
    results = [await appending.append(log, 1, 2), await appending.append_with_load(log, 1, 2)]
    assert [result.name for result in results] == ["append", "append_with_load"]
    assert all(result.value > 0 and result.limit and result.ratio for result in results)
    appended = await log.admin.fetchval("SELECT position FROM log.head")
    assert appended == 2 * 2 * 2 * 2 * appending.CALLERS, (
        "two kinds of two rounds, the limit's and ours, two events each"
    )
    assert await log.admin.fetchval("SELECT count(*) FROM log.deadline") == appending.CALLERS


async def test_reading_and_timelines_are_measured_on_a_log_that_was_filled(log: Log) -> None:
    read = await reading.read(log, 1, 500)
    assert read.limit
    assert "nothing lost while reading: 0 were" in [demand.sentence for demand in read.demands]


async def test_a_timeline_is_told_of_visits_from_all_over_the_log(log: Log) -> None:
    told = await timelines.timeline(log, 1, 500)
    assert told.more["events_in_the_log"] == 500
    assert told.value > 0


async def test_the_poll_of_a_clock_finds_nothing_until_something_is_due(log: Log) -> None:
    poll = await falling_due.idle_poll(log, 1, 300)
    claims = await falling_due.claims(log, 1, 250)
    assert poll.missed == []
    assert claims.value > 0


async def test_a_tail_that_follows_loses_nothing_while_callers_append(log: Log) -> None:
    assert (await peer.ours(log, 2)).lost == 0


def test_a_folder_in_memory_is_refused() -> None:
    memory = Path("/dev/shm")  # noqa: S108 -- asked for its kind alone, nothing is made in it
    if kind_of(memory) not in IN_MEMORY:
        pytest.skip("this machine keeps no files in memory")
    with pytest.raises(NoDiskError, match="lies in memory"), served(memory):
        pytest.fail("a server was started")


def test_what_is_missed_is_said_and_kept(tmp_path: Path) -> None:
    demands = (at_least_of_limit(0.4, 0.5), at_most(2.0, 1.0, "ms"), Demand("the sun shines", holds=True))
    result = Result("append", 4.0, "events/s", 10.0, "bare insert", 0.4, demands=demands)
    console = Console(record=True, width=120)
    write([result], tmp_path / "latest.json")
    show([result], console)
    (kept,) = json.loads((tmp_path / "latest.json").read_text("utf-8"))
    assert kept["missed"] == ["at least 0.5 of its limit: it is 0.40", "at most 1 ms: it is 2"]
    assert kept["ratio_to_limit"] == 0.4
    assert "missed append: at least 0.5 of its limit" in console.export_text()


def test_the_ratio_is_the_median_of_each_round_against_its_own_limit() -> None:
    rounds = Rounds(values=[50, 10, 60], limits=[100, 20, 200])
    assert rounds.ratio == 0.5
    assert rounds.ratio_of_times == 2
    assert percentile(list(range(100)), 99) == 99
