"""Many visits, one falling due each second: from each deadline to the first message handed over, on real processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.support.campaign import size
from tests.support.live_world import SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now, reach
from tests.support.reached import mails_to

pytestmark = pytest.mark.asyncio(loop_scope="module")

VISITS = size(25, 50)

WITHIN = timedelta(seconds=3)
"""From a deadline, its grace included, to the first message in somebody's hands."""


def first_arrival(world: LiveWorld, visit_id: str) -> datetime:
    """Return when the first message about a visit reached its supervisor, on either channel."""
    webhooks = [one.at for one in world.told(visit_id) if one.who == SAM]
    mails = mails_to(world.live.mail, world.id_of(SAM))
    about = [mail for mail in mails if mail["message_id"].startswith(f"<{visit_id}.")]
    return min([*webhooks, *(datetime.fromisoformat(mail["at"]) for mail in about)])


async def test_missed_check_ins_a_second_apart_are_each_handed_over_within_three_seconds(
    world: LiveWorld, say: Callable[[str], None]
) -> None:
    await world.adopt(policy(interval=seconds(5), grace=seconds(1), waits=(seconds(600),)))
    begin = now()
    deadlines: dict[str, datetime] = {}
    for second in range(VISITS):
        await reach(begin + seconds(second))
        visit = await world.start_visit()
        deadlines[visit] = datetime.fromisoformat((await world.visit(visit))["deadline_at"])

    took: dict[str, timedelta] = {}
    for visit, deadline in deadlines.items():
        await world.is_told(visit, SAM)
        attempts = await world.facts(visit, "notification.attempt_started.v1")
        assert min(one.recorded_at for one in attempts if one.recorded_at > deadline) - deadline <= WITHIN
        took[visit] = first_arrival(world, visit) - deadline
    apart = [(later - earlier).total_seconds() for earlier, later in pairwise(deadlines.values())]
    assert all(0.5 < gap < 1.5 for gap in apart), "they fall due a second apart"
    slowest = max(took.values()).total_seconds()
    say(f"{VISITS} missed check-ins: the slowest was handed over {slowest:.2f} s after its deadline")
    assert min(took.values()) > timedelta(0)
    assert slowest <= WITHIN.total_seconds(), f"slowest {slowest:.2f} s, of {sorted(took.values())}"
