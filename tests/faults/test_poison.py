"""Poison at the head of every shard: each record is set aside with its reason, its visit is escalated, and all others are on time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

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

REASONS = {
    ("of a later release", "newer_release"),
    ("not JSON", "not_json"),
    ("a type that nobody knows", "unknown_type"),
    ("an id that is an address", "data_of_another_shape"),
    ("another visit's", "columns_differ"),
}
"""Why some kinds are set aside."""

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
    listed = {one: (await world.live.admin.get(f"/{one}/parked"))["parked"] for one in SERVICES}
    parked = [fact.data for fact in await world.live.log.facts() if fact.type == "trouble.record_parked.v1"]
    reasons = {one["position"]: one["reason"] for one in parked}
    assert [one for one in poison if one.position not in reasons] == []
    assert {(one.kind, reasons[one.position]) for one in poison} >= REASONS
    for service, its in listed.items():
        known = [one["parked_id"] for one in parked if one["service"] == service]
        assert [one["parked_id"] for one in its] == known[: len(its)], service
        assert its, service
    say(
        f"{len(poison)} poisoned records, {len(visits)} visits behind them; set aside as {sorted(set(reasons.values()))}"
    )
    for visit in visits:
        await world.end(visit)
