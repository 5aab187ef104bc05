"""Hundreds of visits of one site are missed in one second: each person learns of all, and nobody is called hundreds of times."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from tests.support.campaign import size
from tests.support.live_world import HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now, reach

pytestmark = pytest.mark.asyncio(loop_scope="module")

VISITS = size(200, 400)
LANES = 20
"""Clients that plan, approve and start them beforehand, side by side."""

AHEAD = seconds(size(25, 45))
"""From the beginning to the time that all of them share: a busy machine starts them in half of that."""

FIRST = seconds(10)
"""From the deadline to the first attempt to reach each person whom the first step tells."""

CEILING, WINDOW = 34, seconds(60)
"""Calls to one person by one channel in any minute."""

STEP_TWO = seconds(20)
"""When the next people are told: after the first have learnt of everything."""


def calls(world: LiveWorld) -> Iterator[tuple[str, str, datetime]]:
    """Yield who was called by which channel, and when, from the sinks' own files."""
    for sink in (world.live.mail, world.live.webhook):
        for line in map(json.loads, sink.path.read_text().splitlines()):
            to = line["to"].partition("@")[0] if "to" in line else line["path"].strip("/")
            yield to, line["channel"], datetime.fromisoformat(line["at"])


def most_in(window: timedelta, instants: list[datetime]) -> int:
    """Return the most of these instants that lie within any such span."""
    ordered = sorted(instants)
    return max(sum(first <= at < first + window for at in ordered) for first in ordered)


async def test_hundreds_of_misses_in_one_second_reach_everybody_and_drown_nobody(
    world: LiveWorld, say: Callable[[str], None]
) -> None:
    await world.adopt(policy(interval=seconds(7200), grace=seconds(1), waits=(STEP_TWO, seconds(600))))
    due_at = now() + AHEAD

    async def lane() -> list[str]:
        return [await world.start_visit(expected_end_at=due_at.isoformat()) for _ in range(VISITS // LANES)]

    visits = [visit for started in await asyncio.gather(*(lane() for _ in range(LANES))) for visit in started]
    deadline = due_at + seconds(1)
    assert now() < due_at, "all were under way before the first deadline"
    await reach(deadline)

    def learnt(who: str) -> set[str | None]:
        return {one.visit_id for one in world.all_told() if one.who == who and one.kind == "step"}

    for who in (SAM, HANA):

        async def of_all(who: str = who) -> bool:
            return learnt(who) >= set(visits)

        await world.wait_for(of_all, 120, f"{who} learns of every visit")
    by_person: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for who, channel, at in calls(world):
        by_person[who, channel].append(at)
    sam = {channel: by_person[world.id_of(SAM), channel] for channel in ("mail", "webhook")}
    first = max(min(at for at in found if at > deadline) for found in sam.values()) - deadline
    last = max(one.at for one in world.all_told() if one.who == SAM and one.kind == "step") - deadline
    worst = max(most_in(WINDOW, found) for found in by_person.values())
    say(
        f"{VISITS} misses: the first call after {first.total_seconds():.1f} s, all known after {last.total_seconds():.1f} s"
    )
    say(f"at most {worst} calls to one person by one channel in a minute")
    assert first <= FIRST
    assert worst <= CEILING
    missed = [fact for fact in await world.live.log.facts() if fact.type == "visit.check_in_missed.v1"]
    assert len(missed) == VISITS
    assert max(fact.recorded_at for fact in missed) - deadline <= FIRST
