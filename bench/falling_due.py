"""Deadlines: the poll while nothing is due among very many, and how many are claimed, against the barest poll there is."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench import limits
from bench.results import Result, at_most
from bench.rounds import interleaved, percentile
from shared.runtime.deadlines import CLAIM, CLAIM_DUE, MOST_CLAIMED
from shared.runtime.postgres import open_pool

if TYPE_CHECKING:
    from bench.ground import Log
    from shared.runtime.postgres import Pool

IDLE_POLL = 1.0
"""Milliseconds that a poll may take while nothing is due: four a second of each replica then cost next to nothing."""

LOOKS = 200
"""Polls of one round."""

KINDS = ["check_in", "start", "end", "report"]
"""What the poll asks for: some of the kinds that checkin has."""

# So many visits whose next check-in is due within the hours to come, none of them now.
ARM = """
INSERT INTO log.deadline (stream_id, kind, subject, topic, due_at)
SELECT 'visit-' || md5(number::text), 'check_in', '', 'lonewatch.visits.v1', now() + interval '1 hour' + number * interval '10 ms'
FROM generate_series(1, $1::integer) AS number
"""

# Let some of them be due.
DUE = """
UPDATE log.deadline SET due_at = now() - interval '1 second', claimed_until = NULL
WHERE stream_id IN (SELECT 'visit-' || md5(number::text) FROM generate_series(1, $1::integer) AS number)
"""

# And none of them again.
DONE = "UPDATE log.deadline SET due_at = now() + interval '1 day' WHERE due_at < now()"


async def idle_poll(log: Log, rounds: int, number: int) -> Result:
    """Measure the poll of a clock while nothing of so many deadlines is due."""
    await log.admin.execute(ARM, number)
    await log.admin.execute("VACUUM ANALYZE log.deadline")
    pool = await open_pool(log.dsn("checkin"), size=1)
    slowest: list[float] = []

    async def ours() -> float:
        times = [await _timed(pool, CLAIM_DUE, KINDS, MOST_CLAIMED, CLAIM, []) for _ in range(LOOKS)]
        slowest.append(percentile(times, 99))
        return statistics.median(times)

    async def bare() -> float:
        return statistics.median([await _timed(pool, limits.POLL) for _ in range(LOOKS)])

    try:
        found = await interleaved(rounds, ours, bare)
    finally:
        await pool.close()
    return Result(
        "idle_poll",
        found.value,
        "ms",
        found.limit,
        "bare poll: one look in the index of deadlines",
        found.ratio_of_times,
        found.spread,
        demands=(at_most(found.value, IDLE_POLL, "ms"),),
        more={"deadlines": number, "p99": round(statistics.median(slowest), 3)},
    )


async def claims(log: Log, rounds: int, number: int) -> Result:
    """Measure how many due deadlines are claimed a second, a look at a time."""
    pool = await open_pool(log.dsn("checkin"), size=1)
    rates = []
    try:
        for _ in range(rounds):
            await log.admin.execute(DUE, number)
            began = time.perf_counter()
            claimed = 0
            while rows := await pool.fetch(CLAIM_DUE, KINDS, MOST_CLAIMED, CLAIM, []):
                claimed += len(rows)
            rates.append(claimed / (time.perf_counter() - began))
            await log.admin.execute(DONE)
    finally:
        await pool.close()
    return Result("deadlines_claimed", statistics.median(rates), "deadlines/s", more={"due": number})


async def _timed(pool: Pool, query: str, *arguments: object) -> float:
    began = time.perf_counter()
    await pool.fetch(query, *arguments)
    return (time.perf_counter() - began) * 1000
