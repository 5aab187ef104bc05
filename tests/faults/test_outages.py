"""PostgreSQL, or every replica of one service, is away: the outside heartbeat stops, whoever asks is told, and nothing is lost."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.support.campaign import size
from tests.support.live_world import ADA, HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now, reach

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_AFTER = seconds(size(20, 60))
"""After this long without a service nobody outside hears a heartbeat; promised are 60 s."""

LASTS = SILENT_AFTER + seconds(12)
"""How long each is away: longer than a heartbeat's rhythm beyond the silence."""

AWAY = ("postgres", "escalation", "checkin", "notifier", "audit")[: size(1, 5)]
"""What is away; a campaign takes all. The heartbeat's conditions, one by one, stand in tests/integration/test_heartbeat.py."""

UNAVAILABLE = 503


def heartbeats(world: LiveWorld) -> list[datetime]:
    """Return when the outside heard that all is well."""
    return [datetime.fromisoformat(line["at"]) for line in world.live.heartbeat.arrivals]


async def send(world: LiveWorld, who: str, operation: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send once, as a phone does, and return what was answered."""
    response = await world.people[who].send(operation, path, body, key=f"{operation}-{now().timestamp()}")
    assert response is not None, "nobody answered at all"
    return response


@pytest.mark.parametrize("away", AWAY)
async def test_an_outage_is_heard_of_outside_and_told_to_whoever_asks(world: LiveWorld, away: str) -> None:
    await world.adopt(policy(interval=seconds(3600), grace=seconds(1), waits=(seconds(600),)))
    due_at = now() + seconds(28)
    silent = [await world.start_visit(expected_end_at=due_at.isoformat()) for _ in range(3)]
    under_way, approved, planned = await world.start_visit(), await world.plan(), await world.plan()
    await world.approve(approved)

    async def heard() -> bool:
        return bool(heartbeats(world)) and heartbeats(world)[-1] > now() - seconds(20)

    await world.wait_for(heard, 60, "a heartbeat while all is well")
    began = now()
    async with world.live.without(away):
        await reach(began + seconds(15))
        check_in = await send(world, ADA, "check_in", f"/checkin/visits/{under_way}/check-ins")
        called = await send(world, ADA, "ask_for_help", f"/checkin/visits/{under_way}/help")
        approve = await send(world, HANA, "approve_visit", f"/checkin/visits/{planned}/approval")
        answers = dict.fromkeys(world.policy.gate.dynamic_questions, True)
        start = await send(
            world, ADA, "start_visit", f"/checkin/visits/{approved}/start", {"dynamic_assessment": answers}
        )
        await reach(began + LASTS)
        until = now()
    assert [approve.status_code, start.status_code] == [UNAVAILABLE, UNAVAILABLE]
    taken = away not in {"postgres", "checkin"}
    for response in (check_in, called):
        assert response.is_success == taken, response.text
        assert response.json()["watch"]["impaired"] is True
        assert response.json()["watch"]["ring"]
    assert not [at for at in heartbeats(world) if began + SILENT_AFTER < at < until], (
        "the outside hears that something is wrong"
    )

    for visit in silent:
        missed = await world.happened(visit, "visit.check_in_missed.v1", within=60)
        await world.is_told(visit, SAM, within=60)
        if not taken:
            assert missed.data["late"] == "system_outage"
        assert len(await world.facts(visit, "visit.check_in_missed.v1")) == 1
    await world.wait_for(heard, 60, "a heartbeat when all is well again")
    ended = [world.end(visit) for visit in (under_way, *silent)]
    await asyncio.gather(*ended)
