"""Each process is killed once in one story, at a moment when it matters, and the story ends as it does undisturbed."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.story import RULES, outline, told, undisturbed
from tests.support.live_world import DEE, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

pytestmark = pytest.mark.asyncio(loop_scope="module")

LANES = 4
"""Visits that check in without a pause while PostgreSQL crashes."""


async def test_the_story_ends_the_same_when_every_process_is_killed_once(world: LiveWorld) -> None:
    await world.adopt(RULES)
    killed: list[str] = []

    async def kill(service: str) -> None:
        await world.live.kill(service)
        killed.append(service)

    plain = await told(world, undisturbed)
    struck = await told(world, kill)
    assert killed == ["checkin", "escalation", "notifier", "front", "audit"]
    assert await outline(world, struck) == await outline(world, plain)
    assert not [one for one in world.told(struck) if one.who == DEE]


async def test_check_ins_that_were_accepted_outlive_a_crash_of_postgresql(world: LiveWorld) -> None:
    await world.adopt(policy(interval=seconds(60), grace=seconds(0.5), waits=(seconds(60),)))
    visits = [await world.start_visit() for _ in range(LANES)]
    silent = await world.start_visit(interval=seconds(1))
    accepted = dict.fromkeys(visits, 0)
    stopped = asyncio.Event()

    async def keep_checking_in(visit: str) -> None:
        while not stopped.is_set():
            await world.check_in(visit)
            accepted[visit] += 1

    lanes = [asyncio.create_task(keep_checking_in(visit)) for visit in visits]

    async def each_has(number: int) -> None:
        goal = {visit: done + number for visit, done in accepted.items()}

        async def enough() -> bool:
            return all(accepted[visit] >= wanted for visit, wanted in goal.items())

        await world.wait_for(enough, 30, f"{number} more check-ins of each visit")

    await each_has(3)
    await world.live.kill_postgres()
    await each_has(3)
    stopped.set()
    await asyncio.gather(*lanes)
    for visit, number in accepted.items():
        assert len(await world.facts(visit, "visit.check_in_recorded.v1")) == number
    missed = await world.is_told(silent, SAM)  # its deadline passed around the crash
    await press(missed.data["link"], "stand_down", reason="test")
    for visit in (*visits, silent):
        await world.end(visit)
