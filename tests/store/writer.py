"""One of many processes that append to the same log: ``python -m tests.store.writer <dsn> <name> <events>``.

Prints one JSON array of what the log acknowledged, ``[id, first position, last position]`` in the order of each caller.
Fails where the log refuses anything.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from tests.store.appending import Writer, appends, outside, to

ROOT = Path(__file__).parents[2]

CALLERS = 100
"""Commands in flight in each process: enough that every call carries many of them."""

SIZES = (1, 1, 2, 1, 5)
"""Events of one command after another: mostly one, as in earnest, and some of several."""


async def call(writer: Writer, name: str, events: int) -> list[tuple[str, int | None, int | None]]:
    """Append ``events`` to two streams of this caller's own, one command after another."""
    acknowledged: list[tuple[str, int | None, int | None]] = []
    versions = [0, 0]
    while sum(versions) < events:
        number = len(acknowledged)
        count = min(SIZES[number % len(SIZES)], events - sum(versions))
        halves = (count - count // 2, count // 2)
        writes = [
            to(f"visit-{name}-{which}", versions[which], half, visit_id=f"{name}-{which}")
            for which, half in enumerate(halves)
            if half
        ]
        versions = [version + half for version, half in zip(versions, halves, strict=True)]
        id_ = f"{name}-{number}"
        outcome = await writer.append(*writes, origin=outside(id_))
        assert outcome.first
        acknowledged.append((id_, outcome.first_position, outcome.last_position))
    return acknowledged


async def main(dsn: str, name: str, events: int) -> None:
    """Append ``events`` by all callers together, and print what was acknowledged."""
    shares = [events // CALLERS + (number < events % CALLERS) for number in range(CALLERS)]
    async with appends(dsn) as writer:
        done = await asyncio.gather(*(call(writer, f"{name}-{number}", share) for number, share in enumerate(shares)))
    sys.stdout.buffer.write(orjson.dumps([one for acknowledged in done for one in acknowledged]))


@asynccontextmanager
async def process(dsn: str, name: str, events: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a process that appends ``events``; it is killed where it has not ended."""
    arguments = (sys.executable, "-m", "tests.store.writer", dsn, name, str(events))
    running = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.communicate()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
