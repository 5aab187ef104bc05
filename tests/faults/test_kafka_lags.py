"""A Kafka that lags by minutes, and one that hangs, under load: nothing waits for it, nothing is lost or applied twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.faults.checker.shown import check_shown
from tests.support.applied import LOG, by_topics, came_by, mark, not_once, relay_behind
from tests.support.campaign import PROVING
from tests.support.kafka import Broker
from tests.support.live import lonewatch
from tests.support.live_site import ADA
from tests.support.live_world import LiveWorld
from tests.support.load import Load, load
from tests.support.operator_policy import seconds
from tests.support.pace import now, reach

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not PROVING, reason="a lag of minutes takes minutes: make prove"),
]

LAGS = seconds(180)
"""How long the load goes on while a topic gets a record per second: hundreds of times slower than it is appended to."""

WITHIN = seconds(5)
"""From a deadline to the message in somebody's hands, all the time."""

HANGS = seconds(30)
"""For how long a broker keeps its connections and answers nobody: beyond every time limit of a client."""


@pytest.mark.parametrize("fault", ["slowed", "hanging"])
async def test_under_load_a_kafka_that_lags_costs_no_event(
    kafka: Broker, fault: str, say: Callable[[str], None]
) -> None:
    slowed = {"LONEWATCH_RELAY_MOST_PER_SECOND": "1"} if fault == "slowed" else {}
    async with lonewatch(kafka=kafka, settings=slowed) as live:
        world = LiveWorld(live, "site1")
        await world.prepare()
        if fault == "hanging":
            await by_topics(live, world.id_of(ADA))
        before = await mark(live)
        async with load(world) as busy:
            await busy.goes_on(50)
            if fault == "slowed":
                await _goes_on_for(busy, LAGS)
                assert await relay_behind(live), "the relay has not caught up"
            else:
                kafka.pause()
                try:
                    await _goes_on_for(busy, HANGS)
                finally:
                    kafka.resume()
                await by_topics(live, world.id_of(ADA))
        after = await mark(live)
        ways = came_by(after.counted - before.counted)
        say(f"{fault}: {dict(ways)}, alarms {busy.alarms}, the slowest after {busy.slowest.total_seconds():.2f} s")
        assert ways[LOG]
        assert busy.slowest <= WITHIN
        assert not_once(before, after) == []
        assert await busy.kept()
        assert await check_shown(live.running.dsn()) == []
        await world.close()
        await live.check_invariants()


async def _goes_on_for(busy: Load, span: timedelta) -> None:
    """Let the load go on, and wait until it has got on after that too."""
    await reach(now() + span)
    await busy.goes_on(10)
