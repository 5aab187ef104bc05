"""Hand pages of records to Kafka, and see when it has lost what it had. Knows nothing of the log, its cursor or its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.structs import RecordMetadata
from prometheus_client import Counter

from shared.contracts.topics import Topic
from shared.runtime.clock import pause
from shared.runtime.kafka import KafkaSettings
from shared.runtime.relay_ends import Ends
from shared.runtime.relay_lease import Outgoing
from shared.runtime.relay_producer import Producer
from shared.runtime.telemetry import REGISTRY
from shared.runtime.topic_admin import ensure

log = structlog.get_logger()

TOO_LARGE = Counter(
    "lonewatch_relay_too_large_total", "Records that are larger than the topic takes", ["topic"], registry=REGISTRY
)

SENT_WITHIN = 15.0
"""Seconds for a page to be acknowledged: above a request's own timeout. The client itself would try for ever."""

_LOOK_AGAIN = 3.0
"""Seconds after which an end that is too low is looked at again: while a leader is elected it may be behind, and nothing is
lost by waiting, for an acknowledgement that is too low shows at once."""

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Emptied(Exception):  # noqa: N818 -- says what became of the topic
    """A partition ends below what it acknowledged: Kafka has lost what it had."""


class Refused(Exception):  # noqa: N818 -- says what became of the topic
    """The topic is missing, and Kafka does not let us make it. Says Kafka's name for why."""


class Sending:
    """Publishes one topic and watches its ends, for as long as a relay holds its lease."""

    def __init__(self, settings: KafkaSettings, topic: Topic, client_id: str, offsets: Mapping[int, int]) -> None:
        """Publish to ``topic``, whose partitions acknowledged everything below ``offsets``."""
        self._settings = settings
        self._topic = topic
        self._client_id = client_id
        self._next = dict(offsets)
        self._partitions = 0
        self._producer = self._new_producer()
        self._ends = Ends(settings, topic.name, client_id)

    async def open(self) -> None:
        """Make the topic where it is missing, connect, and see whether it is the one that it was.

        Raises Emptied, Refused, or aiokafka's KafkaError, OSError and TimeoutError where Kafka cannot be used.
        """
        (ensured,) = await ensure(self._settings, [self._topic], self._client_id)
        if ensured.outcome == "refused":
            raise Refused(ensured.why)
        if ensured.outcome == "made":
            log.info("topic_made", topic=self._topic.name, partitions=ensured.partitions, copies=ensured.copies)
        await self._ends.open()
        await self._producer.open()
        await self.look()

    async def close(self) -> None:
        """Close what was opened; quick, whatever became of Kafka."""
        await self._producer.close()
        await self._ends.close()

    async def look(self) -> None:
        """See how many partitions there are and where they end. Raises Emptied when an end is too low twice in a row."""
        if not await self._lost_something():
            return
        await pause(_LOOK_AGAIN)
        if await self._lost_something():
            raise Emptied(self._topic.name)

    async def send(self, records: Sequence[Outgoing]) -> Mapping[int, int]:
        """Publish records in order; return the offset after the last acknowledged one of each partition that got any.

        A record that is too large for the topic is passed over: followers find it in the log. Raises Emptied, or what
        kept a record from being acknowledged; what was sent before may then be on the topic.
        """
        before = dict(self._next)
        results = await self._together(records)
        failed: list[tuple[Outgoing, BaseException]] = []
        for record, result in zip(records, results, strict=True):
            if isinstance(result, BaseException):
                failed.append((record, result))
            else:
                self._acknowledged(result)
        if failed:
            if not any(isinstance(error, _TOO_LARGE) for _, error in failed):
                raise failed[0][1]
            await self._one_by_one([record for record, _ in failed])
        return {partition: offset for partition, offset in self._next.items() if offset != before.get(partition)}

    async def _together(self, records: Sequence[Outgoing]) -> list[RecordMetadata | BaseException]:
        sent: list[asyncio.Future[RecordMetadata]] = []
        try:
            async with asyncio.timeout(SENT_WITHIN):
                for record in records:
                    sent.append(await self._producer.publish(record, self._partitions))  # noqa: PERF401 -- in order
                return await asyncio.gather(*sent, return_exceptions=True)
        finally:
            for future in sent:
                future.cancel()  # nobody waits any more for those that are not acknowledged; no effect on the others

    async def _one_by_one(self, records: Sequence[Outgoing]) -> None:
        """Publish each of those that went wrong together with a request of its own: the one too large is then known."""
        await self._renew()
        for record in records:
            try:
                async with asyncio.timeout(SENT_WITHIN):
                    self._acknowledged(await (await self._producer.publish(record, self._partitions)))
            except _TOO_LARGE:
                TOO_LARGE.labels(self._topic.name).inc()
                size = len(record.record)
                log.error("record_too_large", topic=self._topic.name, position=record.position, bytes=size)  # noqa: TRY400 -- where it arose says nothing
                await self._renew()

    async def _renew(self) -> None:
        await self._producer.close()
        self._producer = self._new_producer()
        await self._producer.open()

    def _new_producer(self) -> Producer:
        return Producer(self._settings, self._topic.name, self._client_id)

    def _acknowledged(self, said: RecordMetadata) -> None:
        """Remember an acknowledgement. Raises Emptied where it is below an earlier one of its partition."""
        if said.log_start_offset is not None and said.log_start_offset < 0:
            return  # "had it before, and cannot say where" (DuplicateSequenceNumber): acknowledged, without an offset
        if said.offset < self._next.get(said.partition, 0):
            raise Emptied(self._topic.name)
        self._next[said.partition] = said.offset + 1

    async def _lost_something(self) -> bool:
        before = dict(self._next)
        ends = await self._ends.look()
        self._partitions = len(ends)
        return any(ends.get(partition, 0) < offset for partition, offset in before.items())
