"""A follower on a real Kafka: the topics bring nearly everything, and a Kafka that is away or emptied costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import quantiles

import pytest_asyncio

from shared.contracts.topics import PARTITIONS, VISITS
from shared.runtime.clock import monotonic
from shared.runtime.following import Following
from shared.runtime.kafka import KafkaSettings
from shared.runtime.postgres import open_pool
from shared.runtime.relay import Relay
from shared.runtime.telemetry import FED, NOT_FOLLOWED
from tests.integration.kafka.relaying import ended, without_topic
from tests.store.by_topic import FOLLOWS, NOT_APPLIED, OWNERS, Follows, Ground, ground
from tests.support.campaign import campaign
from tests.support.kafka import Broker
from tests.support.kcat import put
from tests.support.services import Database
from tests.support.waiting import until

WITHIN = 45.0
"""Seconds for what takes a start of a broker or of a group, on a busy machine."""

ANSWERED_AT = "SELECT count(*) FROM log.event WHERE stream_id LIKE 'notification-%'"


@dataclass
class Site:
    """A log, a Kafka, one process that follows three topics, and the relays of their owners."""

    ground: Ground
    kafka: Broker
    database: Database
    stack: AsyncExitStack
    follows: Follows
    following: Following

    async def run(self) -> None:
        """Let the feed look, and let relays and following begin."""
        settings = KafkaSettings(bootstrap=(self.kafka.bootstrap,))
        work = [self.follows.feed.run(), self.following.run()]
        for service, _ in OWNERS.values():
            pool = await open_pool(self.database.dsn(service), size=2)
            self.stack.callback(pool.terminate)
            work.append(Relay(pool, settings, service, "1").run())
        for one in work:
            self.stack.push_async_callback(ended, asyncio.create_task(one))

    async def carried(self) -> None:
        """Wait until all topics bring what happens."""
        await until(self._carried, WITHIN)

    async def _carried(self) -> bool:
        return self.follows.feed.carried == frozenset(OWNERS)

    async def applied(self) -> None:
        """Wait until every record has been applied."""
        await until(self._applied, WITHIN)

    async def by_topic(self) -> None:
        """Wait until what happens comes by its topic to each of the three consumers."""
        await until(self._by_topic, WITHIN)

    async def _by_topic(self) -> bool:
        before = by("topic")
        await self.ground.append(VISITS, 1, answered=True)
        await self.applied()
        return by("topic") - before == 3

    async def _applied(self) -> bool:
        return await self.ground.admin.fetch(NOT_APPLIED) == []


@pytest_asyncio.fixture
async def site(database: Database, kafka: Broker) -> AsyncIterator[Site]:
    """A site on a Kafka without topics of ours."""
    for topic in OWNERS:
        await without_topic(kafka.bootstrap, topic)
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(ground(database))
        follows = await on.empty()
        settings = KafkaSettings(bootstrap=(kafka.bootstrap,))
        following = Following(settings, "notifier", "1", follows.feed, on.notifier.pool)
        yield Site(on, kafka, database, stack, follows, following)


def by(via: str) -> float:
    """Return how many records came by one way so far."""
    found = [one for metric in FED.collect() for one in metric.samples if one.name.endswith("_total")]
    return sum(one.value for one in found if one.labels["via"] == via)


async def test_what_happens_comes_by_the_topics_once_they_are_followed(site: Site) -> None:
    await site.run()
    await site.carried()
    assert site.following.state.word == "following"
    assert {topic: len(own) for topic, own in site.following.state.partitions.items()} == dict.fromkeys(OWNERS, 16)
    topic, log, alone = by("topic"), by("log"), by("log_alone")
    took = []
    for number in range(60):
        began = monotonic()
        told = await site.ground.admin.fetchval(ANSWERED_AT)
        await site.ground.append(list(OWNERS)[number % 3], number % 7, answered=True)

        async def answered(told: int = told) -> bool:
            return bool(await site.ground.admin.fetchval(ANSWERED_AT) > told)

        await until(answered)
        took.append(1000 * (monotonic() - began))
    await site.applied()
    came, others = by("topic") - topic, by("log") - log + by("log_alone") - alone
    assert came + others == 20 * len(FOLLOWS["notifier:two"]) + 60 + 60
    assert others <= 0.01 * came
    p50, p99 = (quantiles(took, n=100)[at] for at in (49, 98))
    print(f"append to answered by the topic: p50 {p50:.0f} ms, p99 {p99:.0f} ms")  # noqa: T201 -- what a campaign shows


@campaign("tests/faults starts whole services without their Kafka")
async def test_a_kafka_that_is_not_there_yet_is_followed_when_it_comes(site: Site) -> None:
    await asyncio.to_thread(site.kafka.kill)
    await site.run()
    alone = by("log_alone")
    await site.ground.append(VISITS, 1, answered=True)
    await site.applied()

    async def counted() -> bool:
        return by("log_alone") - alone == 3

    await until(counted)
    await until(lambda: _word(site, "cannot_connect"), WITHIN)
    await asyncio.to_thread(site.kafka.start)
    await site.carried()
    await site.by_topic()


async def test_a_kafka_that_comes_back_empty_loses_nothing_and_is_followed_again(site: Site) -> None:
    await site.run()
    await site.carried()
    for number in range(30):
        await site.ground.append(list(OWNERS)[number % 3], number % 7, answered=True)
    await site.applied()
    await asyncio.to_thread(site.kafka.wipe)
    for number in range(30):
        await site.ground.append(list(OWNERS)[number % 3], number % 7, answered=True)
    await site.applied()
    assert await site.ground.admin.fetchval(ANSWERED_AT) == 2 * (20 + 30)
    await site.by_topic()


async def test_a_message_that_cannot_be_taken_apart_ends_the_following_of_no_topic(site: Site) -> None:
    await site.run()
    await site.carried()
    await site.by_topic()
    for partition in range(PARTITIONS):
        await put(site.kafka.bootstrap, VISITS, partition, b"x", b"\xff\xfe=1")
    await until(_passed_over, WITHIN)
    await site.by_topic()


async def _passed_over() -> bool:
    """Whether all of them were met."""
    found = [one for metric in NOT_FOLLOWED.collect() for one in metric.samples if one.name.endswith("_total")]
    return sum(one.value for one in found if one.labels["why"] == "unreadable") >= PARTITIONS


async def _word(site: Site, word: str) -> bool:
    return site.following.state.word == word
