"""Look at the topics of a Kafka, and make those that are missing, with their settings.

Changes and removes none: a topic that is there is the operator's. Asks for none by name, which could make one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import COPIES, Topic, configuration_of
from shared.runtime.kafka import KafkaSettings, connection

AUTO = "auto.create.topics.enable"
"""How a broker is told to make a topic for whoever asks for one, as it does unless told otherwise."""


@dataclass(frozen=True)
class Ensured:
    """What became of a topic that should be there."""

    topic: str
    outcome: Literal["there", "made", "refused"]
    partitions: int
    copies: int
    why: str = ""
    """Kafka's name for why it refused."""


@dataclass(frozen=True)
class Described:
    """One topic as the cluster has it."""

    name: str
    partitions: int
    copies: int
    """Of the partition that has the fewest."""
    settings: Mapping[str, str]
    """What the cluster says of it; empty where it does not tell us."""


@dataclass(frozen=True)
class Cluster:
    """What is there."""

    brokers: int
    topics: Sequence[Described]
    makes_topics: bool
    """Whether a topic comes into being when somebody asks for it."""


async def there(admin: AIOKafkaAdminClient) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the partitions of every topic of a Kafka. Raises KafkaError or OSError."""
    # All topics and none by name: a cluster that makes topics by itself would make ours for being asked.
    return {said["topic"]: said["partitions"] for said in await admin.describe_topics(None)}


async def described(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> Cluster:
    """Ask what there is of these topics, and how it is set. Raises KafkaError or OSError."""
    brokers = (await admin.describe_cluster())["brokers"]
    all_of_them = await there(admin)
    found = [topic.name for topic in topics if topic.name in all_of_them]
    broker = ConfigResource(ConfigResourceType.BROKER, str(brokers[0]["node_id"]))
    said = await _settings(admin, [*(ConfigResource(ConfigResourceType.TOPIC, name) for name in found), broker])
    return Cluster(
        len(brokers),
        [Described(name, *_size(all_of_them[name]), said.get(name, {})) for name in found],
        said.get(broker.name, {}).get(AUTO) == "true",
    )


def copies_wanted(settings: KafkaSettings, brokers: int) -> int:
    """Return how many copies a topic gets. A cluster that is half up looks like a small one: the setting says more."""
    return settings.replication or (COPIES if brokers >= COPIES else 1)


async def ensure(settings: KafkaSettings, topics: Iterable[Topic], client_id: str) -> tuple[Ensured, ...]:
    """Make those of the topics that are missing, and say what became of each.

    A refusal is an outcome; without a Kafka it raises ``aiokafka.errors.KafkaError``, OSError or TimeoutError.
    """
    admin = AIOKafkaAdminClient(**connection(settings, client_id))
    try:
        await admin.start()
        return await _ensure(admin, settings, tuple(topics))
    finally:
        await admin.close()


async def _ensure(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topics: tuple[Topic, ...]
) -> tuple[Ensured, ...]:
    found = await there(admin)
    missing = [topic for topic in topics if topic.name not in found]
    copies = copies_wanted(settings, len((await admin.describe_cluster())["brokers"]))
    errors: Mapping[str, Mapping[str, Any]] = {}
    if missing:
        response = await admin.create_topics([_new(topic, settings.partitions, copies) for topic in missing])
        errors = {said["topic"]: said for said in response.to_object()["topic_errors"]}
    return tuple(
        Ensured(topic.name, "there", *_size(found[topic.name]))
        if topic.name in found
        else _made(topic.name, settings.partitions, copies, errors[topic.name]["error_code"])
        for topic in topics
    )


def _new(topic: Topic, partitions: int, copies: int) -> NewTopic:
    return NewTopic(topic.name, partitions, copies, topic_configs=dict(configuration_of(topic, copies)))


def _size(partitions: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many partitions there are, and how many copies of the one that has the fewest."""
    return len(partitions), min((len(one["replicas"]) for one in partitions), default=0)


async def _settings(admin: AIOKafkaAdminClient, asked: list[ConfigResource]) -> dict[str, dict[str, str]]:
    """Return what the cluster says of each; a resource that we may not see is left out."""
    said: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for wrong, _, _, name, entries in answer.resources:
            if not wrong:
                said[name] = {entry[0]: entry[1] for entry in entries}
    return said


def _made(name: str, partitions: int, copies: int, code: int) -> Ensured:
    if not code:
        return Ensured(name, "made", partitions, copies)
    error = for_code(code)
    if error is TopicAlreadyExistsError:  # somebody else made it between the look and the call
        return Ensured(name, "there", partitions, copies)
    return Ensured(name, "refused", 0, 0, error.__name__)
