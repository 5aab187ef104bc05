"""A relay whose Kafka is away, dies, comes back empty or makes no topic: it goes on when it can, and leaves nothing out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest_asyncio

from shared.contracts.carried import read
from shared.contracts.topics import VISITS
from tests.integration.kafka.relaying import WITHIN, Site, ended, site, until, without_topic
from tests.support import waiting
from tests.support.campaign import campaign
from tests.support.kafka import Broker
from tests.support.services import Database


@pytest_asyncio.fixture
async def here(database: Database, kafka: Broker) -> AsyncIterator[Site]:
    """A log of its own and a Kafka without the topic."""
    await without_topic(kafka.bootstrap)
    async with site(database, kafka.bootstrap) as made:
        yield made


@campaign("tests/faults starts whole services without their Kafka")
async def test_a_kafka_that_is_not_there_at_the_start_is_used_when_it_comes(here: Site, kafka: Broker) -> None:
    await asyncio.to_thread(kafka.kill)
    await here.append(5)
    relay = await here.relay()
    await until(lambda: relay.state.word == "cannot_connect")
    assert relay.state.why == "KafkaConnectionError"

    await asyncio.to_thread(kafka.start)
    await here.published(relay)

    assert await _positions(here) == {1, 2, 3, 4, 5}


async def test_a_kafka_killed_in_the_middle_loses_nothing(here: Site, kafka: Broker) -> None:
    await here.append(60)
    relay = await here.relay(most_per_second=20)
    await until(lambda: relay.state.position > 10)

    await asyncio.to_thread(kafka.kill)
    await here.append(20)
    await asyncio.to_thread(kafka.start)
    await here.published(relay)

    assert await _positions(here) == set(range(1, 81))
    assert (await here.cursor())["generation"] == 1


async def test_a_kafka_emptied_under_a_relay_with_nothing_to_do_gets_everything_again(
    here: Site, kafka: Broker
) -> None:
    await here.append(30)
    relay = await here.relay()
    await here.published(relay)

    await asyncio.to_thread(kafka.wipe)
    await _generation(here, 2)
    await here.published(relay)

    assert await _positions(here) == set(range(1, 31))


async def test_a_topic_removed_and_made_anew_under_a_relay_at_work_gets_everything_again(here: Site) -> None:
    await here.append(30)
    relay = await here.relay()
    await here.published(relay)

    await without_topic(here.bootstrap)
    await here.append(30)
    await _generation(here, 2)
    await here.published(relay)

    assert await _positions(here) == set(range(1, 61))


async def test_a_kafka_emptied_while_no_relay_ran_gets_everything_again(here: Site) -> None:
    await here.append(20)
    relay = await here.relay("1")
    await here.published(relay)
    await ended(here.tasks["1"])

    await without_topic(here.bootstrap)
    other = await here.relay("2")
    await here.published(other)

    assert await _positions(here) == set(range(1, 21))
    assert (await here.cursor())["generation"] == 2


async def test_a_relay_whose_process_dies_before_its_cursor_moves_publishes_again_and_leaves_nothing_out(
    here: Site,
) -> None:
    await here.append(10)
    relay = await here.relay("1")
    await here.published(relay)
    await ended(here.tasks["1"])
    await here.admin.execute("UPDATE log.relay SET position = 4")  # as if it had died before this was moved

    other = await here.relay("2")
    await here.published(other)

    assert await _positions(here) == set(range(1, 11))
    assert len(await here.topic()) == 16
    assert (await here.cursor())["generation"] == 1


async def test_records_of_a_key_stand_in_order_whatever_happened(here: Site, kafka: Broker) -> None:
    await here.append(40, visit="v1")
    relay = await here.relay(most_per_second=20)
    await until(lambda: relay.state.position > 5)
    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)
    await here.published(relay)

    first_seen: dict[bytes, list[int]] = defaultdict(list)
    for one in await here.topic():
        position = read(VISITS, one.headers, one.value).place.position
        if position not in first_seen[one.key]:
            first_seen[one.key].append(position)
    assert first_seen[b"v1"] == list(range(1, 41))


async def test_a_relay_ends_quickly_while_its_kafka_is_paused(here: Site, kafka: Broker) -> None:
    relay = await here.relay()
    await here.append(3)
    await here.published(relay)
    kafka.pause()
    try:
        before = asyncio.all_tasks()
        await here.append(3)
        await until(lambda: relay.state.behind == 3)
        async with asyncio.timeout(6):
            await ended(here.tasks["1"])
    finally:
        kafka.resume()
    assert (await here.cursor())["holder"] is None
    await until(lambda: asyncio.all_tasks() <= before)


async def _positions(here: Site) -> set[int]:
    return {read(VISITS, one.headers, one.value).place.position for one in await here.topic()}


async def _generation(here: Site, number: int) -> None:
    async def reached() -> bool:
        return bool((await here.cursor())["generation"] == number)

    await waiting.until(reached, WITHIN)
