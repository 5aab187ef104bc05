"""Under load one of two replicas of every service leaves the group that follows the topics, and another one joins it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
import pytest_asyncio

from tests.faults.checker.shown import SHOWN, check_shown, shown
from tests.support.applied import BY_TOPICS_WITHIN, TOPIC, applied, by_topics, came_by, mark, not_once
from tests.support.campaign import size
from tests.support.kafka import Broker
from tests.support.live import Live, lonewatch
from tests.support.live_world import ADA, LiveWorld
from tests.support.load import load

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = size(1, 10)
"""How often the second replicas leave and join."""

CHECK_INS = size(20, 100)
"""Of each visit, before and after whatever happens to the group."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(kafka_of_the_run: Broker) -> AsyncIterator[Live]:
    """An installation with two replicas of every service."""
    async with lonewatch(replicas=2, kafka=kafka_of_the_run) as running:
        yield running


@pytest.mark.usefixtures("kafka")
@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_a_group_that_rebalances_under_load_loses_nothing_and_applies_nothing_twice(
    world: LiveWorld, round_: int, say: Callable[[str], None]
) -> None:
    live, second = world.live, world.live.one_of_each(2)
    await by_topics(live, world.id_of(ADA))
    async with load(world) as busy:
        await busy.goes_on(CHECK_INS)
        await live.stop(*second)
        await busy.goes_on(CHECK_INS)
    left = await mark(live)
    assert await busy.kept()

    async def share() -> bool:
        counts = await applied(live)
        return {feed.replica for feed in counts if feed.via == TOPIC and counts[feed]} >= set(second)

    async with load(world) as busy:
        await busy.goes_on(CHECK_INS)
        await live.start(*second)
        await world.wait_for(share, BY_TOPICS_WITHIN, f"{second} have partitions of their own")
        await busy.goes_on(CHECK_INS)
    joined = await mark(live)
    say(f"round {round_ + 1}: while a second replica joined, {dict(came_by(joined.counted - left.counted))}")
    assert not_once(left, joined) == []
    assert await busy.kept()
    assert await check_shown(live.running.dsn()) == []


async def test_a_read_model_that_lacks_or_invents_an_event_is_found(world: LiveWorld) -> None:
    live = world.live
    async with load(world) as busy:
        await busy.goes_on(1)
    await mark(live)
    changes = (
        "UPDATE audit.visit SET last_position = last_position - 1",
        "UPDATE checkin.visit SET missed = NOT missed",
        "UPDATE escalation.escalation SET position = position - 1",
        "DELETE FROM notifier.notification",
        "INSERT INTO notifier.attempt SELECT message_id, attempt + 100, started_at, outcome FROM notifier.attempt",
    )
    connection = await asyncpg.connect(live.running.dsn(), ssl=False)
    found = dict[str, set[str]]()
    for change in changes:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(change)
        found[change] = {violation.sentence for violation in await shown(connection)}
        await transaction.rollback()
    await connection.close()
    assert list(found.values()) == [{sentence} for sentence in SHOWN]
