"""Services that start while the Kafka they are to use is down: they serve and alarm, and use it when it comes up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest
import pytest_asyncio

from tests.support.applied import BY_TOPICS_WITHIN, LOG_ALONE, applied, by_topics, came_by
from tests.support.kafka import Broker
from tests.support.live import Live, lonewatch
from tests.support.live_world import ADA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.pace import now
from tests.support.reached import press

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN = seconds(3)
"""From a deadline to the message in somebody's hands."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(kafka_of_the_run: Broker) -> AsyncIterator[Live]:
    """An installation whose Kafka is down."""
    await asyncio.to_thread(kafka_of_the_run.stop)
    async with lonewatch(kafka=kafka_of_the_run) as running:
        yield running


async def test_services_started_without_their_kafka_alarm_in_time_and_use_it_once_it_is_there(
    world: LiveWorld, kafka_of_the_run: Broker, say: Callable[[str], None]
) -> None:
    live = world.live
    await world.adopt(policy(interval=seconds(2), grace=seconds(0.5), waits=(seconds(60),)))
    processes = {name: live.pid(name) for name in live.running.processes}
    visit = await world.start_visit()
    deadline = datetime.fromisoformat((await world.visit(visit))["deadline_at"])
    missed = await world.is_told(visit, SAM)
    assert missed.at - deadline <= WITHIN
    assert came_by(await applied(live)).keys() == {LOG_ALONE}

    await asyncio.to_thread(kafka_of_the_run.start)
    answers = now()
    await by_topics(live, world.id_of(ADA))
    took = (now() - answers).total_seconds()
    say(
        f"without Kafka the alarm took {(missed.at - deadline).total_seconds():.2f} s; it was used {took:.1f} s after it answered"
    )
    assert took <= BY_TOPICS_WITHIN
    assert {name: live.pid(name) for name in live.running.processes} == processes, "nothing was started again"
    await press(missed.data["link"], "stand_down", reason="test")
    await world.end(visit)
