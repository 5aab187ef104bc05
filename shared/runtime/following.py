"""Follow the topics of Kafka: hand what they bring to the feed, and say which of them bring anything at present.

Nobody waits for it. Started in the background and tried again for ever; what it loses, doubles or brings late the feed
makes good from the log. It applies nothing and judges no record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from shared.contracts import carried
from shared.contracts.topics import group_of
from shared.runtime.clock import monotonic, pause, wall
from shared.runtime.kafka import SUBSCRIBER, KafkaSettings, broker, connection
from shared.runtime.telemetry import NOT_FOLLOWED
from shared.runtime.unreadable_messages import pass_over_unreadable

if TYPE_CHECKING:
    from shared.contracts.carried import Carried
    from shared.runtime.feed import Feed
    from shared.runtime.postgres import Pool

RETRY_FIRST, RETRY_MOST = 0.5, 5.0
"""Seconds before Kafka is tried again: at once after a short fault, and seldom enough while it is away for days."""

_STARTED_WITHIN = 30.0
"""Seconds to join the group: a dead member is waited for until its session ends, and the first ever group needs a topic of
Kafka's own to be made."""

_STOPPED_WITHIN = 2.0
"""Seconds to leave the group at the end; without a goodbye the others take over when the session ends."""

_LOOK_EVERY = 2.0
"""Seconds between two looks whether Kafka answers: while it does not, the log is read without waiting for it."""

_ASSIGNED_WITHIN = 60.0
"""Seconds without partitions, while Kafka answers, after which the group is joined anew: many times what it takes."""

_ROOM_WITHIN = 2.0
"""Seconds that a batch waits for room; then it is offered all the same, and what is not kept is read from the log."""

_ROOM_LOOK = 0.02
"""Seconds between two looks for room."""

Word = Literal["off", "waiting", "joining", "following", "cannot_connect"]

log = structlog.get_logger()


class _NoTopics(Exception):  # noqa: N818 -- says what there is
    """None of the topics exists: their owners have not made them yet."""


@dataclass(frozen=True)
class FollowingState:
    """What following does at this moment, for people to see."""

    word: Word
    entered_at: datetime
    """By this process's own clock."""
    partitions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By topic: those that Kafka has given to this replica."""
    why: str = ""
    """What keeps it from following: the type of an error, or ``no_topics`` while their owners have made none."""


class Following(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Follows the topics of one service's consumers. Start ``run`` in a task; it ends only when it is cancelled."""

    def __init__(self, settings: KafkaSettings, service: str, replica: str, feed: Feed, probes: Pool) -> None:
        """Offer to ``feed``; ask the log's incarnation by ``probes``."""
        self._settings = settings
        self._group = group_of(service)
        self._client_id = f"lonewatch-{service}-{replica}-feed"
        self._feed = feed
        self._probes = probes
        self._incarnation = ""
        self._strange: set[tuple[str, str]] = set()
        self._topics: frozenset[str] = frozenset()
        self._assigned = False
        self._unassigned_at = monotonic()
        self._state = FollowingState("waiting" if settings.enabled else "off", wall())

    @property
    def state(self) -> FollowingState:
        """What it does now."""
        return self._state

    async def run(self) -> None:
        """Follow until cancelled. Without a Kafka it waits for ever."""
        if not (self._settings.enabled and self._feed.topics):
            await asyncio.Event().wait()
        retry = RETRY_FIRST
        while True:
            try:
                self._incarnation = str(await self._probes.fetchval("SELECT incarnation FROM log.head"))
                await self._follow(await self._existing())
                retry = RETRY_FIRST
            except _NoTopics:
                self._enter("waiting", "no_topics")
            except Exception as error:  # noqa: BLE001 -- whatever it is, it must not end a service that watches over people
                if self._state.word == "following":
                    retry = RETRY_FIRST
                self._enter("cannot_connect", type(error).__name__)
            await pause(retry)
            retry = min(2 * retry, RETRY_MOST)

    async def _existing(self) -> frozenset[str]:
        """Return the topics to follow that exist. A missing one would keep the others from being followed."""
        admin = AIOKafkaAdminClient(**connection(self._settings, self._client_id))
        try:
            await admin.start()
            found = frozenset(self._feed.topics) & frozenset(await admin.list_topics())
        finally:
            await admin.close()
        if not found:
            raise _NoTopics
        return found

    async def _follow(self, topics: frozenset[str]) -> None:
        """Follow topics until another one exists, or the group has given no partitions for long."""
        self._enter("joining")
        kafka = broker(self._settings, self._client_id, consumer_only=True)
        subscriber = kafka.subscriber(
            *sorted(topics), group_id=self._group, listener=self, parser=_whole, decoder=_records, **SUBSCRIBER
        )
        subscriber(self._handle)
        self._topics, self._assigned, self._unassigned_at = topics, False, monotonic()
        try:
            async with asyncio.timeout(_STARTED_WITHIN):
                await kafka.start()
            pass_over_unreadable(subscriber.consumer)
            await self._watch(subscriber.consumer)
        finally:
            self._feed.carried = frozenset()
            await _stop(kafka)
            self._feed.carried = frozenset()  # the group may have given partitions once more meanwhile

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Look whether Kafka answers, and which topics it has."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    there = await consumer.topics()
            except Exception as error:  # noqa: BLE001 -- the client connects again by itself
                self._feed.carried = frozenset()
                self._enter("cannot_connect", type(error).__name__)
            else:
                if frozenset(self._feed.topics) & there > self._topics:
                    return
                if not self._assigned and monotonic() - self._unassigned_at > _ASSIGNED_WITHIN:
                    return
                self._feed.carried = self._topics & there if self._assigned else frozenset()
                self._enter("following" if self._assigned else "joining")
            await pause(_LOOK_EVERY)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 -- aiokafka's interface
        """Let the log be read at once until the group has given partitions again."""
        self._assigned, self._unassigned_at = False, monotonic()
        self._feed.carried = frozenset()
        self._enter("joining")

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Let topics bring their records from now on: to this replica, or to another one of the group."""
        partitions: dict[str, tuple[int, ...]] = {}
        for topic, partition in sorted(assigned):
            partitions[topic] = (*partitions.get(topic, ()), partition)
        self._assigned = True
        self._feed.carried = self._topics
        self._enter("following", partitions=partitions)

    async def _handle(self, batch: tuple[ConsumerRecord, ...]) -> None:
        """Hand on a batch, once there is room for it."""
        until = monotonic() + _ROOM_WITHIN
        while self._feed.full and monotonic() < until:
            await pause(_ROOM_LOOK)
        self._feed.offer(self._ours(batch))

    def _ours(self, batch: Iterable[ConsumerRecord]) -> Iterator[Carried]:
        """Return the records of this log among messages."""
        for message in batch:
            try:
                came = carried.read(message.topic, message.headers, message.value or b"")
            except carried.NotCarried:
                self._pass_over(message.topic, "not_ours")
                continue
            if came.place.incarnation == self._incarnation:
                yield came
            else:
                self._pass_over(message.topic, "incarnation")

    def _pass_over(self, topic: str, why: str) -> None:
        """Count a message that is not followed; say so once."""
        NOT_FOLLOWED.labels(topic, why).inc()
        if (topic, why) not in self._strange:
            self._strange.add((topic, why))
            log.warning("feed_passes_over", topic=topic, why=why)

    def _enter(self, word: Word, why: str = "", partitions: Mapping[str, tuple[int, ...]] | None = None) -> None:
        """Take a state; said once, not with every try."""
        was = self._state
        kept = partitions if partitions is not None else was.partitions if word == "following" else {}
        if (word, why, kept) == (was.word, was.why, was.partitions):
            return
        self._state = FollowingState(word, wall(), kept, why)
        if (word, why) != (was.word, was.why):
            say = log.warning if word == "cannot_connect" else log.info
            say("feed_by_topic", state=word, **({"error": why} if why else {}))


async def _stop(kafka: KafkaBroker) -> None:
    """Leave the group, if that can be had soon."""
    with suppress(Exception):
        async with asyncio.timeout(_STOPPED_WITHIN):
            await kafka.stop()


async def _whole(batch: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """Take a batch as it came: headers that are no text must not cost the others."""
    return KafkaMessage(body=b"", raw_message=batch, consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> Any:
    """Return the messages of a batch."""
    return message.raw_message
