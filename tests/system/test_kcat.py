"""What anybody reads by kcat, Debian's, is the log: every event, byte for byte, in order, with the documented headers.

Compares the two by code of its own: nothing here comes from whoever publishes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime

import asyncpg
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from shared.runtime.ids import new_id
from tests.support.asyncapi import document, objections
from tests.support.kafka import Broker
from tests.support.kcat import Read, partitions_of, read_topic
from tests.support.live import Live, lonewatch
from tests.support.live_world import HANA, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNERS = {
    "lonewatch.visits.v1": "checkin",
    "lonewatch.escalations.v1": "escalation",
    "lonewatch.notifications.v1": "notifier",
    "lonewatch.audit.v1": "audit",
}

# Every event, with what its headers are to say beside what the record says.
LOG = """
SELECT e.*, h.incarnation::text,
    coalesce(lag(e.position) OVER (PARTITION BY topic, shard ORDER BY e.position), 0) AS predecessor
FROM log.event e, log.head h ORDER BY e.position
"""

Row = asyncpg.Record
Place = tuple[str, int]
"""Topic and shard."""


@pytest_asyncio.fixture(loop_scope="module")
async def live(kafka: Broker) -> AsyncIterator[Live]:
    """A whole installation whose events go through a Kafka."""
    async with lonewatch(kafka=kafka) as running:
        yield running


async def log_of(live: Live) -> list[Row]:
    connection = await asyncpg.connect(live.running.dsn(), ssl=False)
    try:
        return list(await connection.fetch(LOG))
    finally:
        await connection.close()


async def topics_of(kafka: Broker, incarnation: str) -> dict[Place, list[Read]]:
    """Return what an integrator keeps of each topic and shard: not of other logs, and nothing twice."""
    kept = defaultdict[Place, list[Read]](list)
    for topic in OWNERS:
        for message in await read_topic(kafka.bootstrap, topic):
            if message.headers["ce_incarnation"] != incarnation:
                continue
            before = kept[topic, int(message.headers["ce_shard"])]
            if not before or int(message.headers["ce_position"]) > int(before[-1].headers["ce_position"]):
                before.append(message)
    return kept


def by_place(rows: Iterable[Row]) -> Mapping[Place, list[Row]]:
    found = defaultdict[Place, list[Row]](list)
    for row in rows:
        found[row["topic"], row["shard"]].append(row)
    return found


def key_of(row: Row) -> str:
    key: str = row["visit_id"] or row["stream_id"]
    return key


def documented(row: Row) -> dict[str, str]:
    """Return the headers that docs/integrating.md promises for an event."""
    at: datetime = row["recorded_at"].astimezone(UTC)
    return {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": row["event_id"],
        "ce_source": f"/lonewatch/{row['incarnation']}/{OWNERS[row['topic']]}",
        "ce_type": row["type"],
        "ce_subject": row["stream_id"],
        "ce_time": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "ce_partitionkey": key_of(row),
        "ce_position": str(row["position"]),
        "ce_shard": str(row["shard"]),
        "ce_incarnation": row["incarnation"],
        "ce_predecessor": str(row["predecessor"]),
        "correlation_id": row["correlation_id"],
    }


async def play(world: LiveWorld) -> str:
    """Let a check-in be missed, taken and resolved, and the visit end well; return the visit's id."""
    await world.live.admin.post(
        "/checkin/sites",
        {"site_id": "umlaut", "name": 'Mühle, "am Bach" \\ 線 = a,b=c', "policy_id": world.policy.policy_id},
    )
    await world.adopt(policy(waits=(seconds(0.5), seconds(30))))
    visit = await world.start_visit()
    hana = await world.is_told(visit, HANA)
    await press(hana.data["link"], "acknowledge")
    await press(hana.data["link"], "resolve", how="spoke_with_worker", confirmed="yes")
    await world.happened(visit, "visit.watch_resumed.v1")
    await world.end(visit)
    await world.is_told(visit, HANA, "all_clear")
    await world.timeline(visit)
    return visit


async def test_kcat_reads_the_whole_log_byte_for_byte(world: LiveWorld, kafka: Broker) -> None:
    # given: a story that leaves events on every topic
    visit = await play(world)
    await until(world.live.log.quiet)
    rows: list[Row] = []
    topics: dict[Place, list[Read]] = {}

    # when: kcat reads every topic from its beginning, until the relays have published what the log holds
    async def all_is_there() -> bool:
        rows[:] = await log_of(world.live)
        topics.update(await topics_of(kafka, rows[0]["incarnation"]))
        return sum(map(len, topics.values())) == len(rows)

    await until(all_is_there, within=90)

    # then: topic by topic and shard by shard the two are the same, and others understand it
    log = by_place(rows)
    partitions = {topic: await partitions_of(kafka.bootstrap, topic) for topic in OWNERS}
    assert {topic for topic, _ in log} == set(OWNERS)
    assert visit in {key_of(row) for row in rows}
    assert topics.keys() == log.keys()
    for place, expected in log.items():
        found = topics[place]
        assert [message.value for message in found] == [bytes(row["record"]) for row in expected]
        assert [message.key for message in found] == [key_of(row).encode() for row in expected]
        assert [message.headers for message in found] == [documented(row) for row in expected]
        assert {message.partition for message in found} == {place[1] % partitions[place[0]]}
        for message in found:
            as_documented(message, place[0])
            seen_by_others(message)


def as_documented(message: Read, topic: str) -> None:
    """Let the AsyncAPI document judge a message that came by a topic."""
    [channel] = [channel for channel in document()["channels"].values() if channel["address"] == topic]
    type_ = message.headers["ce_type"]
    assert type_ in channel["messages"]
    assert objections(type_, "headers", dict(message.headers)) == []
    assert objections(type_, "payload", orjson.loads(message.value)) == []


def seen_by_others(message: Read) -> None:
    """Let CloudEvents' own package read a message: it must be a valid event, and say what the record says."""
    headers = {name: value.encode() for name, value in message.headers.items()}
    event = from_binary_event(KafkaMessage(headers, message.key, message.value))
    record = orjson.loads(message.value)
    assert event.get_id() == record["event_id"]
    assert event.get_source() == f"/lonewatch/{record['incarnation']}/{OWNERS[record['topic']]}"
    assert event.get_type() == record["type"]
    assert event.get_subject() == record["stream_id"]
    assert event.get_time() == datetime.fromisoformat(record["recorded_at"])
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == record
    assert event.get_extension("partitionkey") == message.key.decode()
    assert event.get_extension("position") == str(record["position"])


async def test_kcat_hands_over_any_bytes_so_that_a_difference_would_be_seen(kafka: Broker) -> None:
    topic, values = f"test.{new_id()}", [bytes(range(256)) * 2000, b"", b"\n1 2 3 4 a=b\n", "線".encode()]
    assert await read_topic(kafka.bootstrap, topic) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(
                topic, value, key=b"\xff\n", partition=0, headers=[("ce_a", b"x, y=z"), ("b", b"")]
            )
    finally:
        await producer.stop()
    assert await read_topic(kafka.bootstrap, topic) == [
        Read(0, offset, b"\xff\n", {"ce_a": "x, y=z", "b": ""}, value) for offset, value in enumerate(values)
    ]
