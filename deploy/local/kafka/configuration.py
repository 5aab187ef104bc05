"""Choose the ports of a local Kafka and write its configuration, anew at every start. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.kafka.running import running
from deploy.local.ports import HOST, lasting_ports, port_is_free

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_RECORD: Final = 2 * 1024 * 1024
"""Bytes that a topic takes as one record: twice what the log takes as one event, headers included."""

LOG4J: Final = """\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{yyyy-MM-dd HH:mm:ss.SSS}{UTC} %p %c{1} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
    Logger:
      name: kafka.server.KafkaRaftServer
      level: info
"""
"""What a broker writes: what is wrong, and that it has started or ended. To its output, which goes to a file."""


@dataclass(frozen=True)
class Node:
    """One node of a local Kafka, which stores records and votes: where its files are and how it is reached."""

    folder: Path
    output: Path
    """Where what it says is written."""
    port: int
    voters: tuple[int, ...]
    """Ports by which the nodes agree on what is stored where, in the order of their numbers; this one's among them."""
    number: int = 1

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.port}"

    @property
    def data(self) -> Path:
        """Everything that it keeps."""
        return self.folder / "data"

    @property
    def properties(self) -> Path:
        """Its configuration."""
        return self.folder / "server.properties"


def single(folder: Path, output: Path) -> Node:
    """Describe the only node of a Kafka in a folder: on the ports of its last start, unless others have taken them.

    Of a node that runs nothing is changed: its runner and the doctor find it by these ports.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "ports"
    said = kept.read_text("ascii").split() if kept.exists() else []
    ports = [int(one) for one in said if one.isdecimal()]
    if len(ports) == 2:  # noqa: PLR2004 -- clients' and voters'
        node = Node(folder.resolve(), output.resolve(), ports[0], (ports[1],))
        if running(node) is not None or all(port_is_free(port) for port in ports):
            return node
    clients, voters = lasting_ports(2)
    kept.write_text(f"{clients} {voters}\n", "ascii")
    return Node(folder.resolve(), output.resolve(), clients, (voters,))


def several(folder: Path, number: int) -> tuple[Node, ...]:
    """Describe so many nodes of one Kafka, each in a folder of its own, on ports that are free now."""
    folder = folder.resolve()
    ports = lasting_ports(2 * number)
    return tuple(
        Node(folder / f"node-{one}", folder / f"node-{one}.log", ports[one - 1], tuple(ports[number:]), one)
        for one in range(1, number + 1)
    )


def write_configuration(node: Node) -> None:
    """Write the files that the node is started with."""
    lines = "".join(f"{name}={value}\n" for name, value in properties(node).items())
    for path, text in ((node.properties, lines), (node.folder / "log4j2.yaml", LOG4J)):
        path.write_text(f"# Written at every start.\n{text}", "utf-8")
        path.chmod(0o644)  # the broker's account reads it; nothing in it is secret


def properties(node: Node) -> Mapping[str, str]:
    """Return all settings of a node that are not Kafka's own."""
    copies, enough = ("3", "2") if len(node.voters) > 2 else ("1", "1")  # noqa: PLR2004 -- three copies want three nodes
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{one}@{HOST}:{port}" for one, port in enumerate(node.voters, 1)),
        "controller.listener.names": "CONTROLLER",
        # Loopback alone: nothing off this machine reaches it, and it asks for no password.
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.voters[node.number - 1]}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(node.data),
        # Topics are made by who owns them, with their settings; a mistyped name must not become one.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": enough,
        "message.max.bytes": str(LARGEST_RECORD),
        "replica.fetch.max.bytes": str(LARGEST_RECORD),
        # Kafka's own topics: few followers need few partitions, and each costs files and a start's time.
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough,
        "share.coordinator.state.topic.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": enough,
        # A group of one or two members gains nothing by waiting for more.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker is let in again when its last session has run out: 9 s otherwise.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # What a small heap has room for: the cleaner alone takes 128 MB of it otherwise.
        "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }
