"""Keep one message that the Kafka client cannot take apart from ending the following of every topic.

aiokafka raises out of its whole batch, fetches the same again, and raises again, for ever: a header whose name is no
UTF-8 does that. The partition is then followed from its end on; what is left out is read from the log.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError, UnsupportedCodecError

from shared.runtime.telemetry import NOT_FOLLOWED

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

log = structlog.get_logger()


def pass_over_unreadable(consumer: AIOKafkaConsumer) -> None:
    """Let ``consumer.getmany`` go on behind what cannot be taken apart. Call it once for each started consumer."""
    getmany = consumer.getmany

    async def guarded(*partitions: TopicPartition, **wanted: Any) -> Any:
        try:
            return await getmany(*partitions, **wanted)
        except Exception as error:
            at_fault = _partition_of(error)
            if at_fault is None or (isinstance(error, KafkaError) and not isinstance(error, UnsupportedCodecError)):
                raise
            NOT_FOLLOWED.labels(at_fault.topic, "unreadable").inc()
            log.warning(
                "feed_passes_over", topic=at_fault.topic, partition=at_fault.partition, why=type(error).__name__
            )
            await consumer.seek_to_end(at_fault)
            return {}

    consumer.getmany = guarded


def _partition_of(error: Exception) -> TopicPartition | None:
    """Return the partition that was being taken apart: aiokafka says it nowhere but in the frame where it arose."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "_unpack_records":
            found: TopicPartition | None = frame.f_locals.get("tp")
            return found
    return None
