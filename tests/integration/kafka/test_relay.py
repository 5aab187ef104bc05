"""A relay on a Kafka that is there: every record, as the log holds it, in order, and told apart from its neighbours."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.carried import read
from shared.contracts.topics import VISITS
from shared.runtime.log import Append, Write
from shared.runtime.relay_lease import LASTS, Lease
from tests.integration.kafka.relaying import Site, ended, site, until, without_topic
from tests.store.appending import BY, T0, Writer, appends, disclosed, to
from tests.support.kafka import Broker
from tests.support.services import Database

# Another process takes the lease, as it may after this one was stopped for longer than the lease lasts.
TO_SOMEBODY_ELSE = """
UPDATE log.relay
SET holder = 'another', epoch = epoch + 1, lease_until = clock_timestamp() + interval '4 seconds'
"""


@pytest_asyncio.fixture
async def here(database: Database, kafka: Broker) -> AsyncIterator[Site]:
    """A log of its own and a Kafka without the topic."""
    await without_topic(kafka.bootstrap)
    async with site(database, kafka.bootstrap) as made:
        yield made


async def test_every_record_is_published_once_in_order_and_as_the_log_holds_it(here: Site) -> None:
    await here.append(40)
    relay = await here.relay()
    await here.published(relay)
    await here.append(10, visit="v1")
    await here.published(relay)

    on_topic = await here.topic()

    by_position = {read(VISITS, one.headers, one.value).place.position: one for one in on_topic}
    events = await here.events()
    assert len(on_topic) == len(by_position) == len(events) == 50
    for event in events:
        one = by_position[event["position"]]
        key = event["visit_id"] or event["stream_id"]
        assert (one.value, one.key, one.partition) == (event["record"], key.encode(), event["shard"] % 16)
        assert dict(one.headers) == {
            "content-type": b"application/json",
            "correlation_id": event["correlation_id"].encode(),
            "ce_specversion": b"1.0",
            "ce_id": event["event_id"].encode(),
            "ce_source": f"/lonewatch/{event['incarnation']}/checkin".encode(),
            "ce_type": event["type"].encode(),
            "ce_subject": event["stream_id"].encode(),
            "ce_time": event["recorded_at"].encode(),
            "ce_partitionkey": key.encode(),
            "ce_position": str(event["position"]).encode(),
            "ce_shard": str(event["shard"]).encode(),
            "ce_incarnation": event["incarnation"].encode(),
            "ce_predecessor": str(event["predecessor"]).encode(),
        }
        assert len(one.headers) == len(dict(one.headers)), "no header twice"
    positions = defaultdict(list)
    for one in on_topic:
        positions[one.partition].append(read(VISITS, one.headers, one.value).place.position)
    assert all(found == sorted(found) for found in positions.values())


async def test_what_is_appended_here_is_published_without_waiting_for_the_next_look(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.relay.LOOK_EVERY", 3600.0)
    relay = await here.relay()
    await until(lambda: relay.state.word == "publishing")
    await here.append(1)

    relay.appended()

    await here.published(relay)
    assert len(await here.topic()) == 1


async def test_another_services_records_are_passed_over_and_leave_nothing_behind(here: Site) -> None:
    relay = await here.relay()
    await here.append(1)
    async with appends(here.database.dsn("audit")) as audit:
        await _disclose(audit)
    await here.published(relay)

    assert relay.state.behind == 0
    assert len(await here.topic()) == 1


async def test_a_brake_bounds_what_is_published_in_a_second(here: Site) -> None:
    await here.append(7)
    began = time.monotonic()

    relay = await here.relay(most_per_second=2)
    await here.published(relay)

    assert time.monotonic() - began >= 3.0
    assert len(await here.topic()) == 7


async def test_a_record_too_large_for_the_topic_is_passed_over_and_keeps_no_other_back(here: Site) -> None:
    await _topic_that_takes(here.bootstrap, 1400)
    await here.append(5)
    longest = "x" * 2000
    await here.checkin.append(to(f"worker-{longest}"))
    await here.append(5)

    relay = await here.relay()
    await here.published(relay)

    positions = {read(VISITS, one.headers, one.value).place.position for one in await here.topic()}
    assert positions == {1, 2, 3, 4, 5, 7, 8, 9, 10, 11}


async def test_a_record_too_large_among_many_of_its_visit_is_the_only_one_passed_over(here: Site) -> None:
    await _topic_that_takes(here.bootstrap, 80_000)
    await here.checkin.append(to("visit-v1", 0, 300, visit_id="v1"))
    await here.checkin.append(to(f"visit-{'x' * 100_000}", 0, 1, visit_id="v1"))
    await here.checkin.append(to("visit-v1", 300, 150, visit_id="v1"))

    relay = await here.relay()
    await here.published(relay)

    first_seen = dict.fromkeys(read(VISITS, one.headers, one.value).place.position for one in await here.topic())
    assert list(first_seen) == [*range(1, 301), *range(302, 452)]


async def test_one_of_two_relays_publishes_and_the_other_goes_on_when_it_has_ended(here: Site) -> None:
    first = await here.relay("1")
    await until(lambda: first.state.word == "publishing")
    second = await here.relay("2")
    await until(lambda: second.state.word == "standing_by")
    await here.append(5)
    await here.published(first)

    await ended(here.tasks["1"])
    await here.append(5)
    await here.published(second)

    assert len(await here.topic()) == 10
    assert (await here.cursor())["epoch"] == 2


async def test_a_relay_whose_lease_went_to_another_stops_and_moves_nothing_any_more(here: Site) -> None:
    relay = await here.relay()
    await until(lambda: relay.state.word == "publishing")

    await here.admin.execute(TO_SOMEBODY_ELSE)
    await here.append(3)
    await until(lambda: relay.state.word == "standing_by")
    assert (await here.cursor())["position"] == 0

    await here.published(relay)  # the other's lease has run out
    positions = {read(VISITS, one.headers, one.value).place.position for one in await here.topic()}
    assert positions == {1, 2, 3}


async def test_the_other_of_two_relays_goes_on_when_the_lease_of_one_that_died_has_run_out(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await here.relay("1")
    await until(lambda: first.state.word == "publishing")
    second = await here.relay("2")
    await until(lambda: second.state.word == "standing_by")
    monkeypatch.setattr(Lease, "release", _nothing)  # whoever dies gives nothing back

    await ended(here.tasks["1"])
    began = time.monotonic()
    await here.append(3)
    await here.published(second)

    assert 3 < time.monotonic() - began < 3 * LASTS.total_seconds()
    assert len(await here.topic()) == 3


async def test_without_a_kafka_a_relay_does_nothing(here: Site) -> None:
    relay = await here.relay(kafka=False)
    await here.append(2)

    assert relay.state.word == "off"
    assert await here.cursor() == {}
    assert await here.topic() == []


async def _nothing(_lease: Lease, _epoch: int) -> None:
    """Do nothing."""


async def _disclose(audit: Writer) -> None:
    await audit.sequencer.append(Append([Write("disclosure-d1", 0, [disclosed("v1")], ())], BY, T0, {}, None, {}))


async def _topic_that_takes(bootstrap: str, most: int) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.create_topics([NewTopic(VISITS, 16, 1, topic_configs={"max.message.bytes": str(most)})])
    finally:
        await client.close()
