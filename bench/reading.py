"""Read in order: the pages that a follower of the log takes, shard after shard, against a bare keyset read of the rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import limits
from bench.results import Result, at_least_of_limit, none_lost
from bench.rounds import interleaved
from bench.sample import Caller, rows
from shared.contracts.topics import SHARDS, VISITS
from shared.runtime.consumers import PAGE
from shared.runtime.offered import Offered
from shared.runtime.postgres import open_pool
from shared.runtime.taking import Turn

if TYPE_CHECKING:
    from bench.ground import Log

CALLERS = 1000
"""Visits under way at a time in the log that is read."""

AT_ONCE = 20_000
"""Rows of one copy while the log is filled: bounds the memory it takes."""

SHARE = 0.5
"""Of the limit that reading must reach: following by shards may cost as much again as the bare read."""


async def fill(log: Log, number: int) -> None:
    """Fill an empty log with so many check-ins."""
    incarnation = await log.admin.fetchval("SELECT incarnation::text FROM log.head")
    callers = [Caller() for _ in range(CALLERS)]
    for first in range(0, number, AT_ONCE):
        await limits.copy(log.admin, list(rows(min(AT_ONCE, number - first), first + 1, incarnation, callers)))
    await log.admin.execute("VACUUM ANALYZE log.event")


async def read(log: Log, rounds: int, number: int) -> Result:
    """Read the whole log as followers do, and count that nothing is left out and nothing out of order."""
    await fill(log, number)
    pool = await open_pool(log.dsn("escalation"), size=1)
    lost = 0

    async def ours() -> float:
        nonlocal lost
        came, offered = 0, Offered()
        began = time.perf_counter()
        for shard in range(SHARDS):
            turn, applied = Turn(("bench", VISITS, shard), offered, by_log=True), 0
            while page := (await turn.take(pool, applied)).rows:
                came += len(page)
                applied = page[-1]["position"]
        took = time.perf_counter() - began
        lost += number - came
        return number / took

    async def bare() -> float:
        after = 0
        began = time.perf_counter()
        while page := await pool.fetch(limits.READ, after, PAGE):
            after = page[-1]["position"]
        return number / (time.perf_counter() - began)

    try:
        found = await interleaved(rounds, ours, bare)
    finally:
        await pool.close()
    return Result(
        "read",
        found.value,
        "events/s",
        found.limit,
        f"bare keyset read of the same rows, {PAGE} a page",
        found.ratio,
        found.spread,
        demands=(at_least_of_limit(found.ratio, SHARE), none_lost(lost, "while reading")),
    )
