"""The topics as they are made: all with their settings, none touched that is there, and a refusal said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.topics import TOPICS, VISITS
from shared.runtime.kafka import KafkaSettings
from shared.runtime.topic_admin import Ensured, ensure
from tests.integration.kafka.relaying import without_topic
from tests.support.kafka import Broker


@pytest_asyncio.fixture
async def settings(kafka: Broker) -> AsyncIterator[KafkaSettings]:
    """A Kafka without any topic of ours."""
    for topic in TOPICS:
        await without_topic(kafka.bootstrap, topic.name)
    yield KafkaSettings(bootstrap=(kafka.bootstrap,))
    for topic in TOPICS:
        await without_topic(kafka.bootstrap, topic.name)


async def test_all_topics_are_made_once_and_then_found(settings: KafkaSettings) -> None:
    made = await ensure(settings, TOPICS, "test")
    found = await ensure(settings, TOPICS, "test")

    assert made == tuple(Ensured(topic.name, "made", 16, 1) for topic in TOPICS)
    assert found == tuple(Ensured(topic.name, "there", 16, 1) for topic in TOPICS)


async def test_a_topic_keeps_every_record_for_its_time(settings: KafkaSettings) -> None:
    await ensure(settings, TOPICS[:1], "test")

    said = await _configuration(settings.bootstrap[0], VISITS)

    assert said["cleanup.policy"] == "delete"
    assert said["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert said["min.insync.replicas"] == "1"


async def test_a_topic_that_is_there_stays_as_its_operator_made_it(settings: KafkaSettings) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap[0])
    await client.start()
    await client.create_topics([NewTopic(VISITS, 3, 1, topic_configs={"retention.ms": "60000"})])
    await client.close()

    (found,) = await ensure(settings, TOPICS[:1], "test")

    assert found == Ensured(VISITS, "there", 3, 1)
    assert (await _configuration(settings.bootstrap[0], VISITS))["retention.ms"] == "60000"


async def test_what_kafka_refuses_is_said_and_raises_nothing(settings: KafkaSettings) -> None:
    more = settings.model_copy(update={"replication": 3})

    (refused,) = await ensure(more, TOPICS[:1], "test")

    assert (refused.outcome, refused.why) == ("refused", "InvalidReplicationFactorError")


async def _configuration(bootstrap: str, topic: str) -> Mapping[str, str]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await client.close()
