"""Two replicas of every service: one of each is killed, then paused, and PostgreSQL goes away; the story ends the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.story import RULES, outline, told, undisturbed
from tests.support.campaign import campaign, size
from tests.support.live import Live, lonewatch
from tests.support.live_world import LiveWorld
from tests.support.operator_policy import seconds
from tests.support.pace import now, reach

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = size(1, 10)
"""How often each fault is told."""

PAUSED = seconds(15)
AWAY = seconds(20)

MOMENTS = ("checkin", "escalation", "notifier")
"""The moments of the story at which one replica of every service is struck: a different one of the two each time."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    """An installation with two replicas of every service."""
    async with lonewatch(replicas=2) as running:
        yield running


_PLAIN: list[list[object]] = []
"""The outline of the story as it is told undisturbed, once it was."""


async def plain(world: LiveWorld) -> list[object]:
    """Return the outline of the undisturbed story; it is told once."""
    if not _PLAIN:
        _PLAIN.append(await outline(world, await told(world, undisturbed)))
    return _PLAIN[0]


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_the_story_ends_the_same_when_one_replica_of_every_service_is_killed_at_once(
    world: LiveWorld, round_: int
) -> None:
    await world.adopt(RULES)
    struck: list[str] = []

    async def kill(moment: str) -> None:
        if moment in MOMENTS:
            names = world.live.one_of_each(1 + len(struck) % 2)
            struck.append(moment)
            await world.live.kill(*names)

    visit = await told(world, kill)
    assert tuple(struck) == MOMENTS
    assert await outline(world, visit) == await plain(world), f"round {round_}"


@pytest.mark.parametrize("moment", MOMENTS[: size(1, len(MOMENTS))])
async def test_the_story_ends_the_same_when_one_replica_of_every_service_is_paused_for_fifteen_seconds(
    world: LiveWorld, moment: str
) -> None:
    await world.adopt(RULES)
    pauses: list[asyncio.Task[None]] = []

    async def paused_for_a_while(names: list[str]) -> None:
        async with world.live.paused(*names):
            await reach(now() + PAUSED)

    async def pause(at: str) -> None:
        if at == moment:
            pauses.append(asyncio.create_task(paused_for_a_while(world.live.one_of_each(1))))

    visit = await told(world, pause)
    await asyncio.gather(*pauses)
    assert len(pauses) == 1
    assert await outline(world, visit) == await plain(world)


@campaign("test_outages takes PostgreSQL away, and looks at more")
async def test_the_story_ends_the_same_when_postgresql_is_killed_and_comes_back_after_twenty_seconds(
    world: LiveWorld,
) -> None:
    await world.adopt(RULES)
    struck: list[str] = []

    async def away(moment: str) -> None:
        if moment == "escalation":  # the miss is in the log; nobody is acting on it
            struck.append(moment)
            await world.live.kill_postgres(AWAY.total_seconds())

    visit = await told(world, away)
    assert struck == ["escalation"]
    assert await outline(world, visit) == await plain(world)
