"""Compare the topics that a Kafka has with the table of topics. Changes none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from shared.contracts.asyncapi import configuration_of
from shared.contracts.topics import Topic
from shared.runtime.kafka import KafkaSettings, connection

FOR_EVER = -1
"""How Kafka writes a retention without an end."""


@dataclass(frozen=True)
class Looked:
    """What was found of a topic."""

    topic: str
    outcome: Literal["there", "missing", "differs"]
    partitions: int
    copies: int
    why: str = ""
    """What differs, as a sentence."""


async def look(settings: KafkaSettings, topics: Iterable[Topic], client_id: str) -> tuple[Looked, ...]:
    """Say of each topic whether it is there and set as it should be.

    Without a Kafka it raises ``aiokafka.errors.KafkaError``, OSError or TimeoutError.
    """
    admin = AIOKafkaAdminClient(**connection(settings, client_id))
    try:
        await admin.start()
        there = {said["topic"]: said for said in await admin.describe_topics(None)}
        wanted = tuple(topics)
        set_as = await _configurations(admin, [topic.name for topic in wanted if topic.name in there])
        return tuple(
            _compared(topic, there[topic.name]["partitions"], set_as[topic.name])
            if topic.name in there
            else Looked(topic.name, "missing", 0, 0, "'lonewatch topics' makes it.")
            for topic in wanted
        )
    finally:
        await admin.close()


async def _configurations(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return how each topic is set. Raises KafkaError where that is not ours to know."""
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found = [resource for answer in answers for resource in answer.to_object()["resources"]]
    for resource in found:
        if resource["error_code"]:
            raise for_code(resource["error_code"])
    return {
        resource["resource_name"]: {
            entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
        }
        for resource in found
    }


def _compared(topic: Topic, partitions: Sequence[Mapping[str, Any]], set_as: Mapping[str, str]) -> Looked:
    copies = min((len(partition["replicas"]) for partition in partitions), default=0)
    differences = _differences(configuration_of(topic), set_as)
    outcome: Literal["there", "differs"] = "differs" if differences else "there"
    return Looked(topic.name, outcome, len(partitions), copies, " ".join(differences))


def _differences(wanted: Mapping[str, str], set_as: Mapping[str, str]) -> list[str]:
    """Say what is set in another way than wanted. Keeping records for longer than that is the operator's to choose."""
    kept, at_least = int(set_as["retention.ms"]), int(wanted["retention.ms"])
    found = [] if kept == FOR_EVER or kept >= at_least else [f"retention.ms is {kept}; set it to {at_least} or more."]
    policy = "cleanup.policy"
    if set_as[policy] != wanted[policy]:
        found.append(f"{policy} is {set_as[policy]}; set it to {wanted[policy]}, or records are lost one by one.")
    return found
