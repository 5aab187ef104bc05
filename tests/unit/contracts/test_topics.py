"""Topics: who follows each is what the services follow, and where a record goes is for ever."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from types import ModuleType
from typing import Any, cast

import pytest

from services.audit import feed as audit
from services.checkin import feed as checkin
from services.escalation import feed as escalation
from services.notifier import feed as notifier
from shared.contracts.topics import (
    PARTITIONS,
    SHARDS,
    STREAM_KINDS,
    TOPIC_OF_SERVICE,
    TOPICS,
    Topic,
    configuration_of,
    partition_of,
    shard_of,
    topic_of,
)
from shared.contracts.troubles import trouble_stream

FEEDS: dict[str, ModuleType] = {
    "checkin": checkin,
    "escalation": escalation,
    "notifier": notifier,
    "audit": audit,
}

NOBODY = cast("Any", type("Nobody", (), {"__getattr__": lambda _, name: name})())
"""Stands for an application: what a service follows is asked before anything happens."""


def followed(service: str) -> set[str]:
    """Return the topics that a service's reactions and read models follow."""
    feed = FEEDS[service]
    models = feed.read_models(NOBODY) if service == "escalation" else feed.read_models()
    return {topic for consumer in (*feed.reactions(NOBODY), *models) for topic in consumer.topics}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_followers_of_a_topic_are_the_services_that_follow_it(topic: Topic) -> None:
    assert set(topic.followers) == {service for service in FEEDS if topic.name in followed(service)}
    assert len(topic.followers) == len(set(topic.followers))


def test_every_service_owns_one_topic() -> None:
    assert Counter(topic.owner for topic in TOPICS) == Counter(list(FEEDS))
    assert {topic.owner: topic.name for topic in TOPICS} == TOPIC_OF_SERVICE
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_every_stream_kind_belongs_to_a_topic_and_troubles_to_their_services() -> None:
    assert set(STREAM_KINDS.values()) == {topic.name for topic in TOPICS}
    assert {topic.owner: topic_of(trouble_stream(topic.owner, "outage")) for topic in TOPICS} == TOPIC_OF_SERVICE


def test_a_stream_of_a_kind_that_nobody_owns_has_no_topic() -> None:
    with pytest.raises(KeyError):
        topic_of("door-1")


@pytest.mark.parametrize(("subject", "shard"), [("visit1", 59), ("escalation-visit1", 6), ("", 20), ("München", 12)])
def test_the_shard_of_a_subject_never_changes(subject: str, shard: int) -> None:
    assert shard_of(subject) == shard


@pytest.mark.parametrize("partitions", [1, 2, PARTITIONS, SHARDS])
def test_shards_fall_evenly_on_partitions_that_divide_their_number(partitions: int) -> None:
    load = Counter(partition_of(shard, partitions) for shard in range(SHARDS))
    assert load == dict.fromkeys(range(partitions), SHARDS // partitions)


def test_a_topic_is_made_with_the_retention_that_the_table_says() -> None:
    topic = Topic("lonewatch.visits.v1", "checkin", (), "", kept=timedelta(days=2))
    set_as = {"cleanup.policy": "delete", "retention.ms": "172800000"}
    assert configuration_of(topic, 3) == set_as | {"min.insync.replicas": "2"}
    assert configuration_of(topic, 1) == set_as | {"min.insync.replicas": "1"}
