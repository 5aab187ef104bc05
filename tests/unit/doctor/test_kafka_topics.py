"""What the doctor says of topics on a Kafka of several brokers, from what the cluster tells of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.doctor.kafka_topics import judged
from shared.contracts.topics import TOPICS, VISITS
from shared.runtime.kafka import KafkaSettings
from shared.runtime.topic_admin import Cluster, Described

WEEK = {"retention.ms": "604800000", "min.insync.replicas": "2", "cleanup.policy": "delete"}

SAFE = Cluster(3, tuple(Described(topic.name, 16, 3, WEEK) for topic in TOPICS), makes_topics=False)

SETTINGS = KafkaSettings(bootstrap=("kafka.example:9092",))


def with_visits(**changes: object) -> Cluster:
    """Return the cluster with another topic of visits."""
    topics = [replace(one, **changes) if one.name == VISITS else one for one in SAFE.topics]  # type: ignore[arg-type]  # -- a test names the field that it changes
    return replace(SAFE, topics=topics)


def codes(cluster: Cluster, settings: KafkaSettings = SETTINGS) -> list[str]:
    return [finding.code for finding in judged(cluster, settings)]


def test_topics_of_three_copies_of_which_two_must_be_written_are_well() -> None:
    assert codes(SAFE) == ["kafka_topics_well"]


@pytest.mark.parametrize("copies", [1, 2])
def test_fewer_copies_than_three_brokers_could_keep_are_named(copies: int) -> None:
    (finding,) = judged(with_visits(copies=copies), SETTINGS)
    assert (finding.code, finding.level) == ("kafka_copies_few", "warning")
    assert finding.sentence.startswith(f"{VISITS} has {copies} of 3 copies")


def test_one_copy_is_well_on_one_broker_and_where_the_settings_ask_for_one() -> None:
    alone = with_visits(copies=1)
    assert codes(replace(alone, brokers=1)) == ["kafka_topics_well"]
    assert codes(alone, SETTINGS.model_copy(update={"replication": 1})) == ["kafka_topics_well"]


def test_a_topic_of_three_copies_that_is_content_with_one_is_named_with_what_to_set() -> None:
    (finding,) = judged(with_visits(settings=WEEK | {"min.insync.replicas": "1"}), SETTINGS)
    assert finding.code == "kafka_one_copy_is_enough"
    assert f"--topic {VISITS} --add-config min.insync.replicas=2" in finding.remedy


@pytest.mark.parametrize(("kept", "said"), [("604799999", ["kafka_retention_short"]), ("-1", ["kafka_topics_well"])])
def test_records_kept_for_less_than_a_week_are_named_and_those_kept_for_ever_are_not(
    kept: str, said: list[str]
) -> None:
    assert codes(with_visits(settings=WEEK | {"retention.ms": kept})) == said


def test_a_cluster_that_does_not_say_what_its_topics_are_set_to_is_judged_by_what_it_shows() -> None:
    assert codes(with_visits(settings={})) == ["kafka_topics_well"]


def test_partitions_that_are_fewer_than_the_settings_say_are_named_and_more_are_not() -> None:
    more = replace(SAFE, topics=[replace(topic, partitions=32) for topic in SAFE.topics])
    fewer = replace(SAFE, topics=[replace(topic, partitions=8) for topic in SAFE.topics])
    assert codes(more) == ["kafka_topics_well"]
    assert codes(fewer) == ["kafka_partitions_few"] * len(TOPICS)
