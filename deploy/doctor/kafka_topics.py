"""What of Kafka's topics may do harm, judged by what the cluster says of them. Asks nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.doctor.finding import Finding, ok, warning
from shared.contracts.topics import CLEANUP, COPIES, ENOUGH, RETENTION, TOPICS, Topic, configuration_of
from shared.runtime.topic_admin import AUTO, Cluster, Described, copies_wanted

if TYPE_CHECKING:
    from shared.runtime.kafka import KafkaSettings

_MAKE = "'lonewatch topics' makes what is missing"


def judged(cluster: Cluster, settings: KafkaSettings) -> list[Finding]:
    """Return what may do harm."""
    findings = [*_of_all(cluster), *(found for topic in TOPICS for found in of_one(topic, cluster, settings))]
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


def of_one(topic: Topic, cluster: Cluster, settings: KafkaSettings) -> Iterator[Finding]:
    """Return what of one topic may do harm; nothing of one that is not there."""
    for found in cluster.topics:
        if found.name == topic.name:
            yield from _of_size(found, cluster, settings)
            yield from _of_settings(found, topic)


def _of_size(topic: Described, cluster: Cluster, settings: KafkaSettings) -> Iterator[Finding]:
    wanted = copies_wanted(settings, cluster.brokers)
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


def _of_settings(found: Described, topic: Topic) -> Iterator[Finding]:
    """Judge how it is set. To keep records for longer, or to want them in more copies, is the operator's to choose."""
    wanted = configuration_of(topic, COPIES)
    set_as = {**wanted, **found.settings}  # what the cluster does not tell is not judged
    if found.copies >= COPIES and int(set_as[ENOUGH]) < int(wanted[ENOUGH]):
        yield _altered(found, "kafka_one_copy_is_enough", "is content with one copy in sync", ENOUGH, wanted[ENOUGH])
    if "compact" in set_as[CLEANUP]:
        yield _altered(found, "kafka_topic_compacted", "keeps one record of a visit", CLEANUP, wanted[CLEANUP])
    if 0 <= int(set_as[RETENTION]) < int(wanted[RETENTION]):
        held = timedelta(milliseconds=int(set_as[RETENTION]))
        does = f"keeps records for {held} and not for {topic.kept}"
        yield _altered(found, "kafka_retention_short", does, RETENTION, wanted[RETENTION])


def _altered(topic: Described, code: str, does: str, setting: str, value: str) -> Finding:
    remedy = f"kafka-configs --alter --topic {topic.name} --add-config {setting}={value}."
    return warning(code, f"{topic.name} {does}.", remedy)
