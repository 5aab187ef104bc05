"""Each process is killed once in one story, at a moment when it matters, and the story ends as it does undisturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.live_world import DEE, HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISSED = "visit.check_in_missed.v1"
RULES = policy(interval=seconds(3), grace=seconds(1), waits=(seconds(5), seconds(60)))

LANES = 4
"""Visits that check in without a pause while PostgreSQL crashes."""

Strike = Callable[[str], Awaitable[None]]


async def undisturbed(_service: str) -> None:
    """Kill nobody."""


async def told(world: LiveWorld, strike: Strike) -> str:
    """Tell the story, striking each process at its moment; return the visit's id."""
    visit = await world.start_visit()
    await world.check_in(visit)
    await world.happened(visit, "visit.reminder_due.v1", times=2)
    await strike("checkin")  # the deadline passes while nobody looks
    await world.happened(visit, MISSED)
    await strike("escalation")  # the miss is in the log, and somebody has to be told
    await world.is_told(visit, SAM)
    await strike("notifier")  # a message has arrived, and its outcome may not be in the log
    hana = await world.is_told(visit, HANA)
    await asyncio.gather(strike("front"), press(hana.data["link"], "acknowledge"))  # the press is under way
    await world.happened(visit, "escalation.acknowledged.v1")
    await press(hana.data["link"], "resolve", how="met_in_person", confirmed="yes")
    await world.happened(visit, "visit.watch_resumed.v1")
    await world.check_in(visit)
    await world.end(visit)
    await strike("audit")  # what it shows comes from the log
    for who in (SAM, HANA):
        await world.is_told(visit, who, "all_clear")
    return visit


async def outline(world: LiveWorld, visit: str) -> list[object]:
    """Return what two tellings must have in common: each stream's events in order, and who was told of what.

    Attempts are left out: a message whose outcome nobody knows goes again.
    """
    facts = await world.live.log.facts(visit)
    streams = [[one.type for one in facts if one.stream_id.startswith(kind)] for kind in ("visit-", "escalation-")]
    queued = [one.data for one in facts if one.type == "notification.queued.v1"]
    asked = sorted((one["recipient_id"].removeprefix(f"{world.site_id}-"), one["kind"]) for one in queued)
    summary = (await world.timeline(visit))["summary"]
    steps = [len(one["steps"]) for one in summary["escalations"]]
    return [*streams, asked, summary["status"], steps]


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
