"""A Kafka of the tests' own: started when a test first asks for it, killed, paused and emptied at will, gone at the end.

It is, in this order, the one at LONEWATCH_TEST_KAFKA_BOOTSTRAP, Apache Kafka's own jars, a container where a Docker
engine answers, or none: the test is skipped then, and fails where REQUIRE_KAFKA=1. Knows no topic of ours.
"""

import asyncio
import importlib
import importlib.util
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError as ClientError

from deploy.local.kafka import node as nodes
from deploy.local.kafka.configuration import Node, free_ports, several, single
from deploy.local.kafka.jars import KafkaError, Programs, programs
from tests.support.postgres import temporary_state

IMAGE = "apache/kafka:4.4.0"
"""The project's own image, for machines that have an engine and no Java."""

ANSWERS_WITHIN = 60.0
"""Seconds for a broker to be ready on a busy machine; usually three."""

_LOOK_EVERY = 0.05


@dataclass
class Broker:
    """One broker. Its methods block: ``await asyncio.to_thread(broker.start)`` where something else must go on."""

    bootstrap: str
    node: Node | None = None
    """None when the tests did not start it: then it can be used, not broken, and a test that would is skipped."""
    programs: Programs | None = None
    cluster: str = field(default_factory=nodes.new_cluster)

    def start(self, *, wait: bool = True) -> None:
        """Start it, on the port and the data it had; return once it answers, unless told not to wait."""
        node, started_from = self._own()
        nodes.start(node, started_from, cluster=self.cluster)
        if wait:
            self.answers()

    def answers(self, brokers: int = 1) -> None:
        """Wait until it answers and knows of so many brokers that are up."""
        with ThreadPoolExecutor(1) as elsewhere:  # the calling thread may have a loop of its own that runs
            elsewhere.submit(asyncio.run, _answers(self.bootstrap, brokers)).result()

    def stop(self) -> None:
        """End it in order; nothing when it has ended."""
        nodes.stop(self._own()[0])

    def kill(self) -> None:
        """End it with SIGKILL; what it kept stays."""
        nodes.kill(self._own()[0])

    def wipe(self) -> None:
        """Kill it and start it on nothing: no topic, no offset, another cluster id, the same port."""
        self.kill()
        nodes.wipe(self._own()[0])
        self.cluster = nodes.new_cluster()
        self.start()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    @property
    def process(self) -> psutil.Process | None:
        """Its process, while one runs."""
        return nodes.running(self._own()[0])

    @property
    def output(self) -> str:
        """What it has said so far."""
        node = self._own()[0]
        return node.output.read_text("utf-8", "replace") if node.output.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        process = self.process
        assert process is not None, "a broker that has ended cannot be paused"
        process.send_signal(number)

    def _own(self) -> tuple[Node, Programs]:
        if self.node is None or self.programs is None:
            unavailable("this Kafka was started by somebody else, and this test breaks it")
        return self.node, self.programs


@dataclass(frozen=True)
class Brokers:
    """Several brokers of one Kafka: three copies of each record, two of which must be written."""

    brokers: Sequence[Broker]

    @property
    def bootstrap(self) -> str:
        """Where all of them are reached."""
        return ",".join(one.bootstrap for one in self.brokers)


async def _answers(bootstrap: str, brokers: int) -> None:
    async with asyncio.timeout(ANSWERS_WITHIN):
        while not await _listens(bootstrap):
            await asyncio.sleep(_LOOK_EVERY)
        while True:
            asking = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
            with suppress(ClientError, OSError, TimeoutError):
                await asking.start()
                known = await asking.describe_cluster()
                if len(known["brokers"]) >= brokers:
                    await asking.close()
                    return
            with suppress(ClientError, OSError):
                await asking.close()
            await asyncio.sleep(_LOOK_EVERY)


async def _listens(bootstrap: str) -> bool:
    """Whether somebody listens there: asked before the client, which makes a line of log of each refusal."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


def unavailable(why: str) -> NoReturn:
    """Skip a test that needs a Kafka; fail it where one is required."""
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"{why}, and REQUIRE_KAFKA=1", pytrace=False)
    pytest.skip(why)


@contextmanager
def own_broker(folder: Path | None = None) -> Iterator[Broker]:
    """Yield a broker run from the jars, not started yet, below a folder or a temporary one. Raises KafkaError."""
    found = programs()
    with ExitStack() as stack:
        below = folder or stack.enter_context(temporary_state())
        node = single(below / "kafka", below / "kafka.log")
        broker = Broker(node.address, node, found)
        try:
            yield broker
        finally:
            broker.kill()


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
        with _container(str(error)) as bootstrap:
            yield Broker(bootstrap)
        return
    with own_broker() as broker:
        broker.start()
        yield broker


@contextmanager
def _container(why: str) -> Iterator[str]:
    """Yield the address of a broker in a container of Apache's own image, where the package and an engine are."""
    if importlib.util.find_spec("testcontainers") is None:
        unavailable(why)
    made = importlib.import_module("testcontainers.core.container").DockerContainer(IMAGE)
    engine_errors: type[Exception] = importlib.import_module("docker.errors").DockerException
    (port,) = free_ports(1)
    listeners = f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:9093"
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": listeners,
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "CLUSTER_ID": nodes.new_cluster(),
    }
    for name, value in settings.items():
        made.with_env(name, value)
    made.with_bind_ports(port, port)
    try:
        made.start()
    except (engine_errors, OSError):
        unavailable(f"{why}, and no Docker engine answers")
    try:
        Broker(f"127.0.0.1:{port}").answers()
        yield f"127.0.0.1:{port}"
    finally:
        made.stop()


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
