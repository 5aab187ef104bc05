"""Relays of checkin on one log and one Kafka, somebody who appends, and what is on the topic, read by a client of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import VISITS
from shared.runtime.kafka import KafkaSettings
from shared.runtime.postgres import open_pool
from shared.runtime.racing import end
from shared.runtime.relay import Relay
from tests.store.appending import Writer, appends, to
from tests.support import waiting
from tests.support.services import Database

WITHIN = 90.0
"""Seconds for a relay to do what a test waits for, on a busy machine, a broker's start included."""

# The log, as the topic must have it.
EVENTS = """
SELECT e.position, e.shard, e.type, e.event_id, e.stream_id, e.visit_id, e.correlation_id, e.record,
    to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at,
    h.incarnation::text AS incarnation,
    coalesce((
        SELECT max(b.position) FROM log.event b
        WHERE b.topic = e.topic AND b.shard = e.shard AND b.position < e.position
    ), 0) AS predecessor
FROM log.event e, log.head h WHERE e.topic = $1 ORDER BY e.position
"""

CURSOR = "SELECT * FROM log.relay WHERE topic = $1"


@dataclass
class Site:
    """One log, one Kafka, and what runs on them."""

    database: Database
    bootstrap: str
    admin: asyncpg.Connection[asyncpg.Record]
    checkin: Writer
    stack: AsyncExitStack
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def relay(self, replica: str = "1", *, most_per_second: int = 0, kafka: bool = True) -> Relay:
        """Start a relay of checkin."""
        pool = await open_pool(self.database.dsn("checkin"), size=2)
        self.stack.callback(pool.terminate)
        settings = KafkaSettings(bootstrap=(self.bootstrap,), on=kafka, most_per_second=most_per_second)
        relay = Relay(pool, settings, "checkin", replica)
        task = asyncio.create_task(relay.run())
        self.tasks[replica] = task
        self.stack.push_async_callback(ended, task)
        return relay

    async def append(self, events: int, *, streams: int = 7, visit: str = "") -> None:
        """Append so many small events, over some streams or to one visit's."""
        for number in range(events):
            name = f"visit-{visit}" if visit else f"worker-w{number % streams}"
            version = await self.admin.fetchval("SELECT count(*) FROM log.event WHERE stream_id = $1", name)
            await self.checkin.append(to(name, version, visit_id=visit or None))

    async def published(self, relay: Relay) -> None:
        """Wait until a relay has published the whole log."""
        head = await self.admin.fetchval("SELECT position FROM log.head")
        await until(lambda: relay.state.word == "publishing" and relay.state.position >= head)

    async def cursor(self) -> Mapping[str, object]:
        """Return the relay's row."""
        return dict(await self.admin.fetchrow(CURSOR, VISITS) or {})

    async def events(self) -> list[asyncpg.Record]:
        """Return what the log holds of the topic, in order."""
        return await self.admin.fetch(EVENTS, VISITS)

    async def topic(self) -> list[ConsumerRecord[bytes, bytes]]:
        """Return what is on the topic, partition by partition."""
        return await read_topic(self.bootstrap, VISITS)


@asynccontextmanager
async def site(database: Database, bootstrap: str) -> AsyncIterator[Site]:
    """Yield a site; whatever runs on it ends with it."""
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(database.admin, ssl=False)
        stack.push_async_callback(admin.close)
        checkin = await stack.enter_async_context(appends(database.dsn("checkin")))
        yield Site(database, bootstrap, admin, checkin, stack)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; raise what else it ended with."""
    await end([task])
    if not task.cancelled():
        task.result()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""

    async def look() -> bool:
        return true()

    await waiting.until(look, WITHIN)


async def without_topic(bootstrap: str, topic: str = VISITS) -> None:
    """Remove a topic that another test has left, and wait until it is gone."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()

    async def gone() -> bool:
        if topic not in await client.list_topics():
            return True
        await client.delete_topics([topic])
        return False

    try:
        await waiting.until(gone, WITHIN)
    finally:
        await client.close()


async def read_topic(bootstrap: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Return all that is on a topic at this moment, partition by partition; nothing where there is none."""
    partitions = [TopicPartition(topic, number) for number in range(await _partitions(bootstrap, topic))]
    if not partitions:
        return []
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await client.start()
    try:
        client.assign(partitions)
        await client.seek_to_beginning(*partitions)
        ends = await client.end_offsets(partitions)
        read: list[ConsumerRecord[bytes, bytes]] = []
        async with asyncio.timeout(WITHIN):
            while any([await client.position(one) < ends[one] for one in partitions]):
                for records in (await client.getmany(timeout_ms=200)).values():
                    read.extend(records)
        return sorted(read, key=lambda record: (record.partition, record.offset))
    finally:
        await client.stop()


async def _partitions(bootstrap: str, topic: str) -> int:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return next((len(one["partitions"]) for one in await client.describe_topics() if one["topic"] == topic), 0)
    finally:
        await client.close()
