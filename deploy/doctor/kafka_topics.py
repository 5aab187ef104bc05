"""What Kafka's topics are like, and what of it may do harm. Asks by an admin client that somebody else opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.doctor.finding import Finding, ok, warning
from shared.contracts.topics import TOPICS

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from shared.runtime.kafka import KafkaSettings

SAFE = 3
"""Copies with which one broker may be gone and every record still has two: what a cluster of three is for."""

RETENTION = "retention.ms"
CLEANUP = "cleanup.policy"
ENOUGH = "min.insync.replicas"
AUTO = "auto.create.topics.enable"

_MAKE = "'lonewatch topics' makes what is missing"


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


async def described(admin: AIOKafkaAdminClient) -> Cluster:
    """Ask what is there. Raises KafkaError and OSError."""
    ours = {topic.name for topic in TOPICS}
    brokers = (await admin.describe_cluster())["brokers"]
    # All topics are asked for: asking for one by name makes it, where the cluster makes topics by itself.
    there = {one["topic"]: one["partitions"] for one in await admin.describe_topics() if one["topic"] in ours}
    topics = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(there)]
    broker = ConfigResource(ConfigResourceType.BROKER, str(brokers[0]["node_id"]))
    said = await _settings(admin, [*topics, broker])
    return Cluster(
        len(brokers),
        [
            Described(name, len(partitions), min(len(one["replicas"]) for one in partitions), said.get(name, {}))
            for name, partitions in sorted(there.items())
        ],
        said.get(broker.name, {}).get(AUTO) == "true",
    )


async def _settings(admin: AIOKafkaAdminClient, asked: list[ConfigResource]) -> dict[str, dict[str, str]]:
    """Return what the cluster says of each; a resource that we may not see is left out."""
    said: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for wrong, _, _, name, entries in answer.resources:
            if not wrong:
                said[name] = {entry[0]: entry[1] for entry in entries}
    return said


def judged(cluster: Cluster, settings: KafkaSettings) -> list[Finding]:
    """Return what may do harm."""
    findings = [*_of_all(cluster), *(found for topic in cluster.topics for found in _of_one(topic, cluster, settings))]
    return findings or [ok("kafka_topics_well", f"All {len(TOPICS)} topics are as they should be.")]


def _of_all(cluster: Cluster) -> Iterator[Finding]:
    there = {topic.name for topic in cluster.topics}
    if missing := [topic.name for topic in TOPICS if topic.name not in there]:
        yield warning(
            "kafka_topic_missing",
            f"Kafka has no {', '.join(missing)}.",
            f"{_MAKE}; a service that may make its own does so when it publishes.",
        )
    numbers = {topic.partitions for topic in cluster.topics}
    if len(numbers) > 1:
        yield warning(
            "kafka_partitions_differ",
            f"The topics have different numbers of partitions: {_listed(cluster.topics)}.",
            "Give each as many as the one that has most (kafka-topics --alter --partitions).",
        )
    if cluster.makes_topics:
        yield warning(
            "kafka_makes_topics",
            "Kafka makes a topic when somebody asks for one: ours would come back with its settings, not with ours.",
            f"Set {AUTO}=false on the brokers.",
        )


def _listed(topics: Sequence[Described]) -> str:
    return ", ".join(f"{topic.name} {topic.partitions}" for topic in topics)


def _of_one(topic: Described, cluster: Cluster, settings: KafkaSettings) -> Iterator[Finding]:
    kept = next(one.kept for one in TOPICS if one.name == topic.name)
    wanted = settings.replication or (SAFE if cluster.brokers >= SAFE else 1)
    if topic.partitions < settings.partitions:
        yield warning(
            "kafka_partitions_few",
            f"{topic.name} has {topic.partitions} partitions and not {settings.partitions}: fewer replicas share its work.",
            f"kafka-topics --alter --topic {topic.name} --partitions {settings.partitions}, or set LONEWATCH_KAFKA_PARTITIONS.",
        )
    if topic.copies < wanted:
        yield warning(
            "kafka_copies_few",
            f"{topic.name} has {topic.copies} of {wanted} copies: with a broker it may be gone until it is published again.",
            "Let Kafka's operator add copies (kafka-reassign-partitions).",
        )
    if topic.copies >= SAFE and int(topic.settings.get(ENOUGH, SAFE)) < SAFE - 1:
        yield _altered(topic, "kafka_one_copy_is_enough", "is content with one copy in sync", ENOUGH, str(SAFE - 1))
    if "compact" in topic.settings.get(CLEANUP, ""):
        yield _altered(topic, "kafka_topic_compacted", "keeps one record of a visit", CLEANUP, "delete")
    if 0 <= int(topic.settings.get(RETENTION, -1)) < kept / timedelta(milliseconds=1):
        held = timedelta(milliseconds=int(topic.settings[RETENTION]))
        yield _altered(
            topic,
            "kafka_retention_short",
            f"keeps records for {held} and not for {kept}",
            RETENTION,
            str(kept // timedelta(milliseconds=1)),
        )


def _altered(topic: Described, code: str, does: str, setting: str, value: str) -> Finding:
    remedy = f"kafka-configs --alter --topic {topic.name} --add-config {setting}={value}."
    return warning(code, f"{topic.name} {does}.", remedy)
