"""Apache Kafka from its own jars: made, killed, emptied and stopped, and what is left of it each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.kafka.configuration import single
from deploy.local.kafka.jars import KafkaError, programs
from deploy.local.kafka.keeper import kept
from tests.support.kafka import Broker, own_broker, unavailable
from tests.support.waiting import until

TOPIC = "lonewatch.trial"


@pytest.fixture(scope="module")
def own() -> Iterator[Broker]:
    """A broker of this module's own, running."""
    with required() as broker:
        broker.start()
        yield broker


def required() -> AbstractContextManager[Broker]:
    """Return a broker from the jars; where there are none, these tests have nothing to judge."""
    try:
        programs()
    except KafkaError as error:
        unavailable(str(error))
    return own_broker()


async def topics(bootstrap: str) -> set[str]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return set(await client.list_topics())
    finally:
        await client.close()


async def make_topic(bootstrap: str, copies: int = 1) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.create_topics([NewTopic(TOPIC, num_partitions=2, replication_factor=copies)])
    finally:
        await client.close()


async def test_a_killed_broker_comes_back_on_its_port_with_what_it_had(own: Broker) -> None:
    await make_topic(own.bootstrap)
    was = own.process

    await asyncio.to_thread(own.kill)
    assert not alive(own)
    await asyncio.to_thread(own.start)

    assert own.process != was
    assert TOPIC in await topics(own.bootstrap)


async def test_a_wiped_broker_is_another_kafka_on_the_same_port(own: Broker) -> None:
    before = own.cluster

    await asyncio.to_thread(own.wipe)

    assert own.cluster != before
    assert TOPIC not in await topics(own.bootstrap)


async def test_a_broker_that_is_paused_goes_on_where_it_was(own: Broker) -> None:
    was = own.process

    own.pause()
    own.resume()

    assert own.process == was
    assert await topics(own.bootstrap) is not None


async def test_what_is_kept_starts_in_the_background_and_is_started_again_and_stops_with_its_runner() -> None:
    said: list[str] = []
    with required() as broker:
        assert broker.node is not None
        async with kept(broker.node, said.append) as keeper:
            assert keeper is not None
            assert not alive(broker), "nobody waits for it"
            await until(running(broker))
            first = broker.process

            await asyncio.to_thread(broker.kill)
            await until(running(broker))
            assert broker.process != first
            assert said == ["Apache Kafka has ended; starting it again"]

            keeper.held = True
            await asyncio.to_thread(broker.kill)
            assert not alive(broker)
        assert not alive(broker)


async def test_what_cannot_be_started_is_said_once_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("deploy.local.kafka.keeper.PAUSES", (0.0, 0.0))

    async with kept(single(tmp_path / "kafka", tmp_path / "kafka.log"), said.append):
        await until(told(said))

    assert said == ["no Java 17 on this machine. Lonewatch follows the log meanwhile"]


def alive(broker: Broker) -> bool:
    """Whether the broker's process is there."""
    return broker.process is not None


def running(broker: Broker) -> Callable[[], Awaitable[bool]]:
    """Return a look at whether the broker's process is there."""

    async def look() -> bool:
        return alive(broker)

    return look


def told(said: list[str]) -> Callable[[], Awaitable[bool]]:
    """Return a look at whether anything was said."""

    async def look() -> bool:
        return bool(said)

    return look
