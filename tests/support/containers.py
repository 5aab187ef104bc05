"""The two servers of the tests in containers of their projects' own images, where an engine is and nothing better.

The package that speaks to the engine is no part of what is locked: it is used where somebody has installed it.
"""

import importlib
import importlib.util
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.kafka import node as nodes
from deploy.local.ports import HOST, free_port

KAFKA = "apache/kafka:4.4.0"
"""Apache's own image, of the release that the jars are of."""

POSTGRES = "postgres:18"
"""The official image, of the release that the embedded one is of."""


class NoEngineError(RuntimeError):
    """There is no engine to run a container, or no package to speak to it."""


@dataclass(frozen=True)
class Container:
    """A server that runs in a container."""

    address: str
    stop: Callable[[], None]


def kafka_container() -> Container:
    """Start a Kafka of one node. It may not answer yet. Raises NoEngineError."""
    port = free_port()
    settings = {
        "CLUSTER_ID": nodes.new_cluster(),
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{HOST}:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://{HOST}:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    return Container(f"{HOST}:{port}", _started(KAFKA, settings, inside=port, outside=port))


def postgres_container() -> Container:
    """Start a PostgreSQL; its address is the superuser's. It may not answer yet. Raises NoEngineError."""
    port, password = free_port(), secrets.token_urlsafe(16)
    stop = _started(POSTGRES, {"POSTGRES_PASSWORD": password}, inside=5432, outside=port)
    return Container(f"postgresql://postgres:{password}@{HOST}:{port}/postgres", stop)


def _started(image: str, settings: Mapping[str, str], *, inside: int, outside: int) -> Callable[[], None]:
    """Start a container with one port of it on this machine; return what ends it."""
    if importlib.util.find_spec("testcontainers") is None:
        raise NoEngineError("the package testcontainers is not installed")
    made: Any = importlib.import_module("testcontainers.core.container").DockerContainer(image)
    failed: type[Exception] = importlib.import_module("docker.errors").DockerException
    for name, value in settings.items():
        made.with_env(name, value)
    made.with_bind_ports(inside, outside)
    try:
        made.start()
    except (failed, OSError) as error:
        raise NoEngineError(f"no container engine answers ({type(error).__name__})") from None
    stop: Callable[[], None] = made.stop
    return stop
