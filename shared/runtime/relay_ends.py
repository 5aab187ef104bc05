"""Where a topic's partitions end, as Kafka says it at this moment. Publishes nothing and judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.runtime.kafka import KafkaSettings, connection
from shared.runtime.topic_admin import there

_CLOSES_WITHIN = 1.0
"""Seconds for a client that only looks to close: it leaves nothing undone."""


class Ends:
    """Looks at the ends of one topic, by two clients of its own: a consumer may not ask which partitions there are."""

    def __init__(self, settings: KafkaSettings, topic: str, client_id: str) -> None:
        """Look at ``topic``; nothing is opened yet."""
        said = connection(settings, client_id)
        self._topic = topic
        self._admin = AIOKafkaAdminClient(**said)
        self._consumer = AIOKafkaConsumer(**said)

    async def open(self) -> None:
        """Connect. Raises KafkaError or OSError where no Kafka answers; close it then too."""
        await self._admin.start()
        await self._consumer.start()

    async def look(self) -> Mapping[int, int]:
        """Return the offset that each partition's next record gets. Raises KafkaError, also where there is no topic."""
        partitions = (await there(self._admin)).get(self._topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(self._topic)
        numbers = [TopicPartition(self._topic, one["partition"]) for one in partitions]
        return {one.partition: end for one, end in (await self._consumer.end_offsets(numbers)).items()}

    async def close(self) -> None:
        """Close both, whatever became of Kafka."""
        for close in (self._consumer.stop, self._admin.close):
            with suppress(Exception):
                async with asyncio.timeout(_CLOSES_WITHIN):
                    await close()
