"""The barest ways from one process to the next: a poll as often as services look, and Kafka's own client."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.runtime.feed import HEAD, LOOK_EVERY
from shared.runtime.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.runtime.postgres import Connection

GOLDEN = 0.618_034
"""Part of an interval by which each event is later than the one before: all parts of the interval have their turn."""


def pause_of(number: int) -> float:
    """Return seconds of rest before an event, so that events fall at every part of the interval between two looks."""
    return LOOK_EVERY * (1 + number * GOLDEN % 1)


async def bare_poll(connection: Connection, number: int) -> Sequence[float]:
    """Return milliseconds from an event to the first look that sees it, looking as often as services do."""
    waits = []
    for at in range(number):
        left = LOOK_EVERY * (at * GOLDEN % 1)  # until the next look
        began = time.perf_counter()
        await asyncio.sleep(left)
        await connection.fetchval(HEAD)
        waits.append((time.perf_counter() - began) * 1000)
    return waits


async def bare_kafka(bootstrap: str, number: int) -> Sequence[float]:
    """Return milliseconds from a record's send until a consumer has it: acknowledged, and one at a time."""
    topic = f"bench-{new_id()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await producer.start()
    waits = []
    try:
        await consumer.start()
        await producer.send_and_wait(topic, b"first")
        await consumer.getone()
        for _ in range(number):
            began = time.perf_counter()
            await producer.send_and_wait(topic, bytes(700))
            await consumer.getone()
            waits.append((time.perf_counter() - began) * 1000)
    finally:
        await producer.stop()
        await consumer.stop()
    return waits
