"""The notifier ends itself at each named point between the start and the outcome of an attempt: people are told all the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from services.notifier.application.crash import AFTER_CALL, AFTER_OUTCOME, AFTER_START, BEFORE_CALL, BEFORE_OUTCOME
from tests.faults.story import MISSED
from tests.support.campaign import PROVING, size
from tests.support.live_world import SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

pytestmark = pytest.mark.asyncio(loop_scope="module")

POINTS = (AFTER_START, BEFORE_CALL, AFTER_CALL, BEFORE_OUTCOME, AFTER_OUTCOME)

TIMES = size(1, 20)
"""How often it crashes at each point."""

AT_LANDING = (BEFORE_CALL, AFTER_CALL, BEFORE_OUTCOME)
"""Around the call itself; tests/integration/notifier crashes at every point, inside one process."""


@pytest.mark.parametrize("point", POINTS * TIMES if PROVING else AT_LANDING)
async def test_somebody_is_told_whatever_the_notifier_was_doing_when_it_crashed(world: LiveWorld, point: str) -> None:
    await world.adopt(policy(interval=seconds(3600), grace=seconds(0.5), waits=(seconds(600),)))
    notifier = world.live.running.processes["notifier-1"]
    sound = notifier.environment
    notifier.environment = {**sound, "LONEWATCH_CRASH_AT": point}
    await world.live.kill("notifier-1")
    notifier.environment = sound  # it was started to crash once; what follows it is not
    restarts = notifier.restarts

    visit = await world.start_visit(interval=seconds(1))
    await world.happened(visit, MISSED)
    told = await world.is_told(visit, SAM, within=60)
    await world.wait_for(crashed(world, restarts), 30, f"the notifier crashes at {point}")
    await world.live.ready("notifier-1")
    await world.happened(visit, "notification.attempt_accepted.v1", times=2, within=60)  # by mail and by webhook
    await press(told.data["link"], "resolve", how="met_in_person", confirmed="yes")
    await world.is_told(visit, SAM, "all_clear", within=60)
    await world.end(visit)
    ids = {one.data["message_id"] for one in world.told(visit) if (one.who, one.kind) == (SAM, "step")}
    assert len(ids) == 1, "at every attempt the same message"


def crashed(world: LiveWorld, restarts: int) -> Callable[[], Awaitable[bool]]:
    """Return a look whether the notifier was started again since."""

    async def look() -> bool:
        return world.live.running.processes["notifier-1"].restarts > restarts

    return look
