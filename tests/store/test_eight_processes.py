"""Eight processes append at once while somebody reads: nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
from datetime import datetime
from operator import itemgetter

import asyncpg
import orjson

from tests.store.writer import process
from tests.support.services import Database
from tests.support.waiting import until

PROCESSES = 8
EVENTS = 200_000
"""Together: enough that a reader by a sequence, or a lock in the wrong statement, loses some."""

WITHIN = 150.0
"""Seconds after which it counts as hung; on two idle cores it takes a third of that."""

NEXT = "SELECT position, recorded_at, event_id FROM log.event WHERE position > $1 ORDER BY position LIMIT 5000"
IDS = "SELECT event_id FROM log.event ORDER BY position"
ACKNOWLEDGED = "SELECT id, first_position, last_position FROM log.command ORDER BY first_position"


async def acknowledged_by(dsn: str, name: str, events: int) -> list[tuple[str, int, int]]:
    """Let one process append ``events``; return what the log acknowledged to it."""
    async with process(dsn, name, events) as running:
        output, _ = await running.communicate()
    assert running.returncode == 0
    acknowledged: list[tuple[str, int, int]] = orjson.loads(output)
    return acknowledged


async def follow(dsn: str, until_position: int) -> list[str]:
    """Read by position while others write; return the ids in the order seen."""
    connection = await asyncpg.connect(dsn)
    seen: list[str] = []
    last: list[datetime] = []

    async def read() -> bool:
        for row in await connection.fetch(NEXT, len(seen)):
            assert row["position"] == len(seen) + 1, f"{row['position']} is seen after {len(seen)}"
            assert row["recorded_at"] >= max(last, default=row["recorded_at"])
            last[:] = [row["recorded_at"]]
            seen.append(row["event_id"])
        return len(seen) >= until_position

    await until(read, within=WITHIN)
    await connection.close()
    return seen


async def acknowledged_by_all(dsn: str) -> list[tuple[str, int, int]]:
    """Let all processes append at once; return what was acknowledged, by position."""
    names = [f"p{number}" for number in range(PROCESSES)]
    parts = await asyncio.gather(*(acknowledged_by(dsn, name, EVENTS // PROCESSES) for name in names))
    return sorted(((id_, first, last) for part in parts for id_, first, last in part), key=itemgetter(1))


async def test_eight_processes_lose_double_and_reorder_nothing_while_somebody_reads(
    database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with asyncio.timeout(WITHIN):
        seen, acknowledged = await asyncio.gather(
            follow(database.dsn("audit"), EVENTS), acknowledged_by_all(database.dsn("checkin"))
        )
    assert seen == [row["event_id"] for row in await admin.fetch(IDS)]
    assert acknowledged == [tuple(row) for row in await admin.fetch(ACKNOWLEDGED)]
    ranges = [position for _, first, last in acknowledged for position in range(first, last + 1)]
    assert ranges == list(range(1, EVENTS + 1))
