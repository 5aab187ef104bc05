"""Make the topics that are missing, with their settings. Changes and removes none: a topic that is there is the operator's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import Topic
from shared.runtime.kafka import KafkaSettings, connection

COPIES = 3
"""Of a topic where there are as many brokers: one may be lost, and what was acknowledged is still in two."""


@dataclass(frozen=True)
class Ensured:
    """What became of a topic that should be there."""

    topic: str
    outcome: Literal["there", "made", "refused"]
    partitions: int
    copies: int
    why: str = ""
    """Kafka's name for why it refused."""


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
    # All topics and none by name: a cluster that makes topics by itself would make ours for being asked.
    there = {said["topic"]: said for said in await admin.describe_topics(None)}
    missing = [topic for topic in topics if topic.name not in there]
    copies = settings.replication or await _copies(admin)
    errors: Mapping[str, Mapping[str, Any]] = {}
    if missing:
        response = await admin.create_topics([_new(topic, settings.partitions, copies) for topic in missing])
        errors = {said["topic"]: said for said in response.to_object()["topic_errors"]}
    return tuple(
        _there(topic.name, there[topic.name])
        if topic.name in there
        else _made(topic.name, settings.partitions, copies, errors[topic.name]["error_code"])
        for topic in topics
    )


async def _copies(admin: AIOKafkaAdminClient) -> int:
    """Return how many copies a new topic gets. A cluster that is half up looks like a small one: the setting says more."""
    brokers = (await admin.describe_cluster())["brokers"]
    return COPIES if len(brokers) >= COPIES else 1


def _new(topic: Topic, partitions: int, copies: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=partitions,
        replication_factor=copies,
        topic_configs={
            "cleanup.policy": "delete",  # every record is kept for its time: none stands for the one before it
            "retention.ms": str(int(topic.kept.total_seconds() * 1000)),
            "min.insync.replicas": str(
                max(1, copies - 1)
            ),  # one copy may be away, and acknowledged is what the rest have
        },
    )


def _there(name: str, said: Mapping[str, Any]) -> Ensured:
    partitions = said["partitions"]
    return Ensured(name, "there", len(partitions), min((len(one["replicas"]) for one in partitions), default=0))


def _made(name: str, partitions: int, copies: int, code: int) -> Ensured:
    if not code:
        return Ensured(name, "made", partitions, copies)
    error = for_code(code)
    if error is TopicAlreadyExistsError:  # somebody else made it between the look and the call
        return Ensured(name, "there", partitions, copies)
    return Ensured(name, "refused", 0, 0, error.__name__)
