"""A check-in raced with its deadline, a thousand times, over HTTP and with the real clock: one of two facts, never both."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.support.live_world import LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import reach

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIRS = 1000
LANES = 60
"""Visits that are under way at once."""

EARLIEST, STEP, STEPS = timedelta(milliseconds=-600), timedelta(milliseconds=20), 36
"""When check-ins are sent, counted from the deadline: from well before it, for a busy machine takes its time, until just after."""

NUMBERS = 50
"""How many of each fact there must be at least: a race that always ends the same way proves nothing."""

Race = tuple[str, datetime]
"""A visit and the agreed time that was raced."""


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_thousand_raced_check_ins_end_as_one_of_the_two_facts_each(
    world: LiveWorld, say: Callable[[str], None]
) -> None:
    await world.adopt(policy(interval=seconds(1.5), grace=seconds(0.2), waits=(seconds(600),)))
    answers: dict[Race, dict[str, Any]] = {}
    numbers = count()
    await asyncio.gather(*(lane(world, numbers, answers) for _ in range(LANES)))
    assert len(answers) >= PAIRS

    rules = world.policy.check_ins
    facts: Counter[tuple[Race, str]] = Counter()
    escalated: set[Race] = set()
    for fact in await world.live.log.facts():
        match fact.type:
            case "visit.check_in_recorded.v1":
                met_due_at = instant(fact.data["met_due_at"])
                facts[(fact.data["visit_id"], met_due_at), "met"] += 1
                decided_at = instant(fact.data["due_at"]) - rules.interval.span
                assert decided_at <= met_due_at + rules.grace.span, "what counts as in time came by the deadline"
            case "visit.check_in_missed.v1":
                facts[(fact.data["visit_id"], instant(fact.data["due_at"])), "missed"] += 1
            case "escalation.opened.v1":
                missed_at = instant(fact.data["due_at"])
                escalated.add((fact.data["visit_id"], missed_at - rules.grace.span))
    for race, answer in answers.items():
        assert facts[race, "met"] + facts[race, "missed"] == 1, "one of the two facts, and a check-in past D is none"
        assert (facts[race, "missed"] == 1) == answer["missed"], "what was answered is what the log says"
        assert answer["missed"] == (race in escalated), "an escalation for each miss, and for no check-in that came"
    missed = sum(answer["missed"] for answer in answers.values())
    say(f"{len(answers)} races: {missed} check-ins were missed")
    assert NUMBERS <= missed <= len(answers) - NUMBERS, f"{missed} of {len(answers)} were missed"


async def lane(world: LiveWorld, numbers: Iterator[int], answers: dict[Race, dict[str, Any]]) -> None:
    """Race one visit after another, each until its check-in is missed."""
    while True:
        visit = await world.plan()
        await world.approve(visit)
        standing = await world.start(visit)
        while not standing["missed"]:
            number = next(numbers)
            if number >= PAIRS:
                await world.end(visit)
                return
            due_at = instant(standing["due_at"])
            await reach(instant(standing["deadline_at"]) + EARLIEST + STEP * (number % STEPS))
            standing = answers[visit, due_at] = await world.check_in(visit)
