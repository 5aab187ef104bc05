"""One broker of the tests' own, or several: started, killed, paused and emptied at will. Knows no topic of ours."""

import asyncio
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
from deploy.local.kafka.configuration import Node, single
from deploy.local.kafka.jars import Programs, programs
from deploy.local.kafka.running import running
from tests.support.postgres import temporary_state

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
        return running(self._own()[0])

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
        while True:
            if not await _listens(bootstrap):
                await asyncio.sleep(_LOOK_EVERY)
                continue
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
