"""A replica is paused in the middle of an append, of a claim, of a feed's transaction: nobody else waits longer than 5 s."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import psutil
import pytest
import pytest_asyncio

from tests.support.campaign import size
from tests.support.live import Live, lonewatch
from tests.support.live_world import SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now, reach
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONGEST = seconds(5)
"""What anybody else may wait for."""

PAUSED = seconds(8)
"""Longer than anybody else may wait, and than a claim or a forgotten transaction lasts."""

INSIDE = {
    "append": ("log.head", "EXCLUSIVE", "checkin"),
    "claim": ("log.deadline", "EXCLUSIVE", "checkin"),
    "feed": ("checkin.visit", "EXCLUSIVE", "checkin"),
}
"""What is locked for a moment so that a replica stands inside of it: an append needs the head, a claim the deadlines, the
read model's transaction its own table."""

# Who waits for a lock now, by the port of the client.
WAITING = "SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    """An installation with two replicas of every service."""
    async with lonewatch(replicas=2) as running:
        yield running


async def pause_inside(live: Live, table: str, mode: str, service: str) -> str:
    """Hold a lock until a replica of a service waits for it, pause that replica, let the lock go; return its name."""
    connection = await asyncpg.connect(live.running.dsn(), ssl=False)
    found: list[str] = []
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN {mode} MODE")

            async def somebody_waits() -> bool:
                ports = {row["client_port"] for row in await connection.fetch(WAITING)}
                for name in live.replicas(service):
                    mine = psutil.Process(live.pid(name)).net_connections(kind="tcp")
                    if ports & {one.laddr.port for one in mine}:
                        found[:] = [name]
                return bool(found)

            await until(somebody_waits, within=3)
            live.pause(found[0])
    finally:
        await connection.close()
    return found[0]


@pytest.mark.parametrize("inside", tuple(INSIDE)[: size(2, 3)])
async def test_nobody_waits_for_a_replica_that_is_paused_inside(
    world: LiveWorld, inside: str, say: Callable[[str], None]
) -> None:
    await world.adopt(policy(interval=seconds(3600), grace=seconds(1), waits=(seconds(600),)))
    due_at = now() + seconds(8)
    busy = await world.start_visit()
    silent = [await world.start_visit(expected_end_at=due_at.isoformat()) for _ in range(4)]
    stopped = asyncio.Event()

    async def keep_checking_in() -> float:
        longest = 0.0
        while not stopped.is_set():
            began = now()
            await world.check_in(busy)
            longest = max(longest, (now() - began).total_seconds())
        return longest

    lane = asyncio.create_task(keep_checking_in())
    await reach(due_at)  # deadlines are about to be claimed
    paused = await pause_inside(world.live, *INSIDE[inside])
    paused_at = now()
    for visit in silent:
        await world.happened(visit, "visit.check_in_missed.v1", within=20)
        await world.is_told(visit, SAM, within=20)
    await reach(paused_at + PAUSED)
    stopped.set()
    longest = await lane
    await world.live.resume(paused)
    since = due_at + seconds(1)
    late = max([(await world.happened(visit, "visit.check_in_missed.v1")).recorded_at for visit in silent]) - since
    say(
        f"paused inside {inside}: a check-in waited {longest:.1f} s at most, a miss was recorded {late.total_seconds():.1f} s late"
    )
    assert longest <= LONGEST.total_seconds()
    assert late <= LONGEST
    for visit in (busy, *silent):
        await world.end(visit)
