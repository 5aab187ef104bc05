"""FastStream's producer for one topic: opened, used and closed for good, whatever became of the broker meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata
from faststream.kafka.publisher.producer import AioKafkaFastProducerImpl

from shared.contracts.topics import partition_of
from shared.runtime.kafka import KafkaSettings, broker

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker

    from shared.runtime.relay_lease import Outgoing

_ENDS_WITHIN = 1.0
"""Seconds for a producer to end in order; then it is cut off. What was not acknowledged goes again, so nothing is lost."""


class _Remembering(AioKafkaFastProducerImpl):
    """Remembers aiokafka's producer from before its start: FastStream forgets one that fails to start, and leaves it open."""

    made: AIOKafkaProducer | None = None

    async def connect(self, producer: AIOKafkaProducer, serializer: Any, codec: Any = None) -> None:
        self.made = producer
        await super().connect(producer, serializer, codec)


class Producer:
    """Publishes to one topic until it is closed. A new one is needed after every error: its numbering has a hole then."""

    def __init__(self, settings: KafkaSettings, topic: str, client_id: str) -> None:
        """Publish to ``topic``; nothing is opened yet."""
        self._topic = topic
        self._broker: KafkaBroker = broker(settings, client_id)
        self._remembering = _Remembering(parser=None, decoder=None)
        self._broker.config.broker_config.producer = self._remembering

    async def open(self) -> None:
        """Connect. Raises KafkaError or OSError where no Kafka answers; close it then too."""
        await self._broker.start()

    async def publish(self, record: Outgoing, partitions: int) -> asyncio.Future[RecordMetadata]:
        """Hand a record over; the future is its acknowledgement. Records of a partition keep the order of the calls.

        FastStream's ``content-type`` gives way to ours, and its ``correlation_id`` is the record's.
        """
        return await self._broker.publish(
            record.record,
            topic=self._topic,
            key=record.key.encode(),
            partition=partition_of(record.shard, partitions),
            headers=dict(record.headers),
            correlation_id=record.correlation_id,
            no_confirm=True,
        )

    async def close(self) -> None:
        """End in order where that is quick; else cut the connections off and let go of what was not acknowledged."""
        made = self._remembering.made
        with suppress(Exception):
            async with asyncio.timeout(_ENDS_WITHIN):
                await self._broker.stop()
                if made is not None:
                    await made.stop()
                return
        if made is None:
            return
        # An idempotent producer tries for ever, and its stop() waits for that. Nobody waits for its batches any more.
        waiting = made._message_accumulator  # noqa: SLF001
        for batch in (*waiting._pending_batches, *chain.from_iterable(waiting._batches.values())):  # noqa: SLF001
            batch.done_noack()
        sender = made._sender.sender_task  # noqa: SLF001
        for step in (made.client.close, made.stop):
            with suppress(Exception):
                async with asyncio.timeout(_ENDS_WITHIN):
                    await step()
        if sender is not None:
            sender.cancel()
