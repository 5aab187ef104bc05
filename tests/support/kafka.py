"""The fixtures of a Kafka of the tests' own: started when a test first asks for it, gone at the end.

It is, in this order, the one at LONEWATCH_TEST_KAFKA_BOOTSTRAP, Apache Kafka's own jars, a container where a Docker
engine answers, or none: the test is skipped then, and fails where REQUIRE_KAFKA=1.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.kafka import node as nodes
from deploy.local.kafka.configuration import several
from deploy.local.kafka.jars import KafkaError, programs
from tests.support.broker import Broker, Brokers, own_broker, unavailable
from tests.support.containers import NoEngineError, kafka_container
from tests.support.postgres import temporary_state

__all__ = ["Broker", "Brokers", "kafka", "kafka_of_the_run", "own_broker", "three_brokers", "unavailable"]


@contextmanager
def _available() -> Iterator[Broker]:
    """Yield the first Kafka there is."""
    if given := os.environ.get("LONEWATCH_TEST_KAFKA_BOOTSTRAP"):
        broker = Broker(given)
        broker.answers()
        yield broker
        return
    try:
        programs()
    except KafkaError as error:
        with _container(str(error)) as broker:
            yield broker
        return
    with own_broker() as broker:
        broker.start()
        yield broker


@contextmanager
def _container(why: str) -> Iterator[Broker]:
    """Yield a broker in a container; where there is no engine either, the test has nothing to run on."""
    try:
        started = kafka_container()
    except NoEngineError as error:
        unavailable(f"{why}, and {error}")
    try:
        broker = Broker(started.address)
        broker.answers()
        yield broker
    finally:
        started.stop()


@pytest.fixture(scope="session")
def kafka_of_the_run() -> Iterator[Broker]:
    """One broker for all the tests of a process, which may have left it in any state; ask for ``kafka``."""
    with _available() as broker:
        yield broker


@pytest.fixture
def kafka(kafka_of_the_run: Broker) -> Broker:
    """A Kafka that runs and answers, whatever the test before did to it. Topics of that test may be there."""
    if kafka_of_the_run.node is None:
        return kafka_of_the_run
    if kafka_of_the_run.process is None:
        kafka_of_the_run.start()
    kafka_of_the_run.resume()
    return kafka_of_the_run


@pytest.fixture
def three_brokers() -> Iterator[Brokers]:
    """Three brokers of one Kafka, up and known to one another; for campaigns, as they need a gigabyte."""
    try:
        found = programs()
    except KafkaError as error:
        unavailable(str(error))
    with temporary_state() as folder:
        cluster = nodes.new_cluster()
        made = tuple(Broker(node.address, node, found, cluster) for node in several(folder, 3))
        try:
            for broker in made:
                broker.start(wait=False)
            for broker in made:
                broker.answers(len(made))
            yield Brokers(made)
        finally:
            for broker in made:
                broker.kill()
