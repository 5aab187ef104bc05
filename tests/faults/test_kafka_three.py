"""Three brokers, three copies of each record, two of which must be written: each broker is killed once under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.topics import TOPICS
from tests.faults.checker.shown import check_shown
from tests.support.applied import by_topics, came_by, mark, not_once
from tests.support.campaign import PROVING
from tests.support.kafka import Brokers
from tests.support.live import Live, lonewatch
from tests.support.live_world import ADA, LiveWorld
from tests.support.load import load
from tests.support.operator_policy import seconds
from tests.support.pace import now, reach
from tests.support.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not PROVING, reason="three brokers need a gigabyte and minutes: make prove"),
]

CHECK_INS = 50
"""Of each visit, before and after each fault."""

AWAY = seconds(15)
"""For how long a killed broker stays away: longer than the others take to elect new leaders."""

LEADERS_WITHIN = 60.0
"""Seconds until the others lead what it led, and every service uses them, on a machine that three brokers keep busy."""

MADE_WITHIN = 60.0
"""Seconds until every service has made its topic, on a machine that three brokers keep busy."""


class Kept(NamedTuple):
    """How many copies of a topic's records there are, and how many must be written before one is acknowledged."""

    copies: int
    enough: str


KEPT = Kept(copies=3, enough="2")
"""One broker may be away, and whatever was acknowledged is on both of the others."""


@pytest_asyncio.fixture(loop_scope="module")
async def live(three_brokers: Brokers) -> AsyncIterator[Live]:
    """An installation on three brokers."""
    async with lonewatch(kafka=three_brokers) as running:
        yield running


async def test_a_broker_of_three_that_is_killed_under_load_costs_no_event(
    world: LiveWorld, three_brokers: Brokers, say: Callable[[str], None]
) -> None:
    live = world.live
    await by_topics(live, world.id_of(ADA))
    made = await topics_made(three_brokers.bootstrap)
    say(f"the topics made on three brokers: {made}")
    assert made == {topic.name: KEPT for topic in TOPICS}
    before = await mark(live)
    async with load(world) as busy:
        for broker in three_brokers.brokers:
            await busy.goes_on(CHECK_INS)
            await asyncio.to_thread(broker.kill)
            gone = now()
            await busy.goes_on(CHECK_INS)
            await by_topics(live, world.id_of(ADA), LEADERS_WITHIN)
            say(f"one broker of three killed: all follow the topics after {(now() - gone).total_seconds():.1f} s")
            await reach(gone + AWAY)
            await asyncio.to_thread(broker.start)
            await asyncio.to_thread(broker.answers, len(three_brokers.brokers))
            await all_copies_in_sync(
                three_brokers.bootstrap
            )  # a second loss at once is more than two copies of three bear
    after = await mark(live)
    say(f"of three brokers each was killed once: {dict(came_by(after.counted - before.counted))}")
    assert not_once(before, after) == []
    assert await busy.kept()
    assert await check_shown(live.running.dsn()) == []


async def topics_made(bootstrap: str) -> Mapping[str, Kept]:
    """Wait until every topic of ours is there; return the fewest copies that a partition of each has, and how it is set."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    ours = {topic.name for topic in TOPICS}
    await client.start()

    async def there() -> bool:
        return ours <= set(await client.list_topics())

    try:
        await until(there, MADE_WITHIN)
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(ours)]
        answers = await client.describe_configs(asked)
        settings = {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for answer in answers
            for resource in answer.resources
        }
        return {
            said["topic"]: Kept(
                min(len(partition["replicas"]) for partition in said["partitions"]),
                settings[said["topic"]]["min.insync.replicas"],
            )
            for said in await client.describe_topics()
            if said["topic"] in ours
        }
    finally:
        await client.close()


async def all_copies_in_sync(bootstrap: str) -> None:
    """Wait until every copy of every partition, Kafka's own included, has all that was acknowledged."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()

    async def in_sync() -> bool:
        partitions = [one for said in await client.describe_topics() for one in said["partitions"]]
        return all(len(one["isr"]) == len(one["replicas"]) for one in partitions)

    try:
        await until(in_sync, MADE_WITHIN)
    finally:
        await client.close()
