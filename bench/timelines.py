"""A timeline in a long log: all that happened on one visit, told, against a bare read of its records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import reading
from bench.results import Result
from bench.rounds import interleaved, percentile
from bench.sample import T0
from services.audit.domain import view
from services.audit.readmodel import history_of_visit
from shared.runtime.postgres import open_pool

if TYPE_CHECKING:
    from bench.ground import Log

LOOKS = 100
"""Timelines of one round, of visits from all over the log."""

# Visits from all over the log, as many as asked for.
SOME = "SELECT visit_id FROM log.event WHERE position % $1 = 0 ORDER BY position LIMIT $2"

# The bare read: the records of a visit by its index.
BARE = "SELECT record FROM log.event WHERE visit_id = $1 ORDER BY position"


async def timeline(log: Log, rounds: int, number: int) -> Result:
    """Measure how long one timeline takes in a log of so many events."""
    await reading.fill(log, number)
    visits = [row[0] for row in await log.admin.fetch(SOME, max(1, number // LOOKS), LOOKS)]
    pool = await open_pool(log.dsn("audit"), size=1)
    all_times: list[float] = []

    async def ours() -> float:
        times = []
        for visit_id in visits:
            began = time.perf_counter()
            history = await history_of_visit(pool, visit_id)
            view(history.events, history.unreadable, T0, None)
            times.append((time.perf_counter() - began) * 1000)
        all_times.extend(times)
        return percentile(times, 50)

    async def bare() -> float:
        times = []
        for visit_id in visits:
            began = time.perf_counter()
            await pool.fetch(BARE, visit_id)
            times.append((time.perf_counter() - began) * 1000)
        return percentile(times, 50)

    try:
        found = await interleaved(rounds, ours, bare)
    finally:
        await pool.close()
    return Result(
        "timeline",
        found.value,
        "ms",
        found.limit,
        "bare read of a visit's records by their index",
        found.ratio_of_times,
        found.spread,
        more={"events_in_the_log": number, "p99": round(percentile(all_times, 99), 3)},
    )
