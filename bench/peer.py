"""The peer: the ``eventsourcing`` library on the same PostgreSQL, as it is and with its faster functions in the database.

It runs in a Python of its own (``make bench-quick`` makes it), so that nothing of ours depends on it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import asyncpg

from bench.appending import CALLERS, appender
from bench.results import Result, at_least_times, none_lost

if TYPE_CHECKING:
    from bench.ground import Ground, Log

PYTHON = Path("var/bench/peer/bin/python")
"""The Python that has the library."""

TIMES = 5.0
"""How many times what the peer appends we must: its default is as careful as ours, one event a commit under one lock."""

RECORD = 640
"""Bytes of an event of the peer: what a record of ours has beyond its columns."""

DATABASE = "lonewatch_bench_peer"

PAGE = 500
"""Records of one look of our own tail."""

# What our tail asks: whatever came behind the last position seen.
TAIL = "SELECT position FROM log.event WHERE position > $1 ORDER BY position LIMIT $2"


@dataclass(frozen=True)
class Measured:
    """What one run gave: events a second, and how many a tail that followed never saw."""

    rate: float
    lost: int


async def append_beside_peer(ground: Ground, each: int, python: Path = PYTHON) -> Result:
    """Let both append while a tail follows; count what each tail lost."""
    careful = await _peer(ground, each, python, functions=False)
    fast = await _peer(ground, each, python, functions=True)
    async with ground.log("peer") as log:
        found = await ours(log, each)
    return Result(
        "append_beside_peer",
        found.rate,
        "events/s",
        peers={"eventsourcing": careful.rate, "eventsourcing, functions": fast.rate},
        demands=(
            at_least_times(found.rate, careful.rate, TIMES, "eventsourcing"),
            none_lost(found.lost, "by a tail that follows"),
        ),
        more={"appended": each * CALLERS, "lost_by_peer": careful.lost, "lost_by_peer_with_functions": fast.lost},
    )


async def ours(log: Log, each: int) -> Measured:
    """Let our callers append while a tail follows."""
    done = asyncio.Event()
    async with appender(log) as by:
        tail = asyncio.create_task(_follow(log, done))
        rate = await by.append(each)
        done.set()
        seen = await tail
    return Measured(rate, each * CALLERS - seen)


async def _follow(log: Log, done: asyncio.Event) -> int:
    """Follow by the last position seen until all is written; return how many came."""
    last = seen = 0
    while True:
        ended = done.is_set()
        page = await log.admin.fetch(TAIL, last, PAGE)
        seen += len(page)
        if page:
            last = page[-1]["position"]
        elif ended:
            return seen


async def _peer(ground: Ground, each: int, python: Path, *, functions: bool) -> Measured:
    """Run the peer on a database of its own. Raises RuntimeError with what it said where it fails."""
    connection = await asyncpg.connect(ground.server, ssl=False)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        settings = {
            "environment": _environment(ground.server, functions=functions),
            "bytes": RECORD,
            "each": each,
            "threads": CALLERS,
            "follow": True,
        }
        running = await asyncio.create_subprocess_exec(
            str(python),
            str(Path(__file__).with_name("peer_client.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, wrong = await running.communicate(json.dumps(settings).encode())
        if running.returncode:
            raise RuntimeError(f"the peer failed: {wrong.decode()[-1000:]}")
        found: dict[str, Any] = json.loads(said)
        await connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        return Measured(found["rate"], found["lost"])
    finally:
        await connection.close()


def _environment(server: str, *, functions: bool) -> dict[str, str]:
    parts = urlsplit(server)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": DATABASE,
        "POSTGRES_HOST": str(parts.hostname),
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": str(parts.username),
        "POSTGRES_PASSWORD": unquote(parts.password or ""),
        "POSTGRES_POOL_SIZE": str(CALLERS + 2),
        "POSTGRES_MAX_WAITING": str(2 * CALLERS),
        "POSTGRES_ENABLE_DB_FUNCTIONS": "y" if functions else "n",
    }
