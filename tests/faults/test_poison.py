"""Poison at the head of every shard: each record is set aside with its reason, its visit is escalated, and all others are on time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.support.campaign import size
from tests.support.live_world import LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now, reach
from tests.support.poison import KINDS, put, visit_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHARDS = 64

TURNS = size(1, 20)
"""Poisoned records at the head of each shard; a campaign puts one of every kind at each."""

OTHERS = 40
"""Visits whose check-ins are missed behind the poison: enough to stand in half of the shards."""

LEFT_TO_NEWER = seconds(5)
"""For so long a record of a later release is left to a replica of it."""

SERVICES = ("checkin", "escalation", "notifier", "audit")

ON_TIME = timedelta(seconds=10)
"""From a deadline to its miss, and from a record that nobody can read to its visit's escalation."""


@pytest_asyncio.fixture(loop_scope="module")
async def admin(world: LiveWorld) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The one account that can put such records there."""
    connection = await asyncpg.connect(world.live.running.dsn(), ssl=False)
    try:
        yield connection
    finally:
        await connection.close()


async def test_poison_at_the_head_of_every_shard_delays_nobody_else(
    world: LiveWorld, admin: asyncpg.Connection[asyncpg.Record], say: Callable[[str], None]
) -> None:
    await world.adopt(policy(interval=seconds(3600), grace=seconds(1), waits=(seconds(600),), repeats=seconds(600)))
    due_at = now() + seconds(12)
    visits = [await world.start_visit(expected_end_at=due_at.isoformat()) for _ in range(OTHERS)]
    await reach(due_at)
    put_at = now()
    kinds = [list(KINDS)[(shard + turn) % len(KINDS)] for turn in range(TURNS) for shard in range(SHARDS)]
    poison = [await put(admin, kind, visit_in(n % SHARDS), world.site_id) for n, kind in enumerate(kinds)]
    took = now() - put_at

    for one in poison:
        opened = await world.happened(one.visit_id, "escalation.opened.v1", within=60)
        assert (opened.data["trigger"], opened.data["trigger_event_id"]) == ("trouble", f"parked-{one.position}"), one
        left = LEFT_TO_NEWER if one.kind == "of a later release" else timedelta(0)
        assert opened.recorded_at - put_at <= took + left + ON_TIME, one
    for visit in visits:
        missed = await world.happened(visit, "visit.check_in_missed.v1", within=30)
        assert missed.recorded_at - datetime.fromisoformat(missed.data["missed_at"]) <= ON_TIME, visit
        opened = await world.happened(visit, "escalation.opened.v1", within=30)
        assert opened.recorded_at - missed.recorded_at <= ON_TIME, visit
    parked = {one["position"]: one for service in SERVICES for one in (await parked_by(world, service))}
    assert {one.kind for one in poison if one.position in parked} == set(KINDS)
    reasons = {one.kind: parked[one.position]["reason"] for one in poison}
    say(
        f"{len(poison)} poisoned records, {len(visits)} visits behind them; set aside as {sorted(set(reasons.values()))}"
    )
    assert reasons["of a later release"] == "newer_release"
    assert reasons["not JSON"] == "not_json"
    assert reasons["a type that nobody knows"] == "unknown_type"
    for visit in visits:
        await world.end(visit)


async def parked_by(world: LiveWorld, service: str) -> list[dict[str, Any]]:
    """Return what a service has set aside, as its operators see it."""
    found: list[dict[str, Any]] = (await world.live.admin.get(f"/{service}/parked"))["parked"]
    return found
