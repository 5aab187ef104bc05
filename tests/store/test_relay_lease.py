"""Who publishes a topic, and how far it is published: the log's side of the relay, without any Kafka."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from deploy.database import SERVICES
from shared.contracts.topics import TOPIC_OF_SERVICE, VISITS
from shared.runtime.postgres import open_pool
from shared.runtime.relay_lease import LASTS, SPAN, Lease
from tests.store.appending import Writer, to
from tests.support.services import Database

SECOND = timedelta(seconds=1)


@pytest_asyncio.fixture
async def lease(database: Database, checkin: Writer) -> AsyncIterator[Callable[[str], Lease]]:
    """The lease of checkin's topic, as the process of a name sees it."""
    assert not checkin.pool.is_closing()
    pool = await open_pool(database.dsn("checkin"), size=2)
    yield lambda holder: Lease(pool, "checkin", VISITS, holder)
    pool.terminate()


async def ends_in(admin: asyncpg.Connection[asyncpg.Record], left: timedelta) -> None:
    """Let the lease end so much from now."""
    await admin.execute("UPDATE log.relay SET lease_until = clock_timestamp() + $1", left)


async def test_a_free_lease_is_taken_and_another_process_is_told_how_far_it_is(lease: Callable[[str], Lease]) -> None:
    first, second = await lease("a").take(), await lease("b").take()

    assert (first.held, first.epoch, first.generation, first.position) == (True, 1, 1, 0)
    assert (second.held, second.epoch, second.position) == (False, 1, 0)


async def test_the_holder_prolongs_its_lease_in_the_same_epoch(lease: Callable[[str], Lease]) -> None:
    await lease("a").take()

    assert (await lease("a").take()).epoch == 1


async def test_a_lease_that_has_run_out_goes_to_whoever_asks_in_a_new_epoch(
    lease: Callable[[str], Lease], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await lease("a").take()
    await ends_in(admin, -SECOND)

    other, back = await lease("b").take(), await lease("a").take()

    assert (other.held, other.epoch) == (True, 2)
    assert (back.held, back.epoch) == (False, 2)


async def test_a_lease_made_before_the_clock_was_put_back_counts_as_run_out(
    lease: Callable[[str], Lease], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await lease("a").take()
    await ends_in(admin, LASTS + SECOND)

    assert (await lease("b").take()).held


async def test_the_logs_own_time_moves_no_lease(
    lease: Callable[[str], Lease], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await lease("a").take()
    await admin.execute("UPDATE log.shift SET by = '1 hour'")

    assert not (await lease("b").take()).held


async def test_a_lease_given_back_is_free_at_once_and_its_epoch_is_over(lease: Callable[[str], Lease]) -> None:
    await lease("a").take()

    await lease("a").release(1)

    assert (await lease("b").take()).epoch == 2
    assert not await lease("a").move(1, 5, {})
    assert await lease("b").move(2, 5, {})


async def test_a_process_whose_epoch_is_over_gives_nothing_back_and_begins_no_generation(
    lease: Callable[[str], Lease], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await lease("a").take()
    await ends_in(admin, -SECOND)
    await lease("b").take()

    await lease("a").release(1)
    restarted = await lease("a").restart(1)

    assert not restarted
    now = await lease("b").take()
    assert (now.held, now.epoch, now.generation) == (True, 2, 1)


async def test_the_cursor_moves_forward_only_and_with_it_the_offsets(lease: Callable[[str], Lease]) -> None:
    one = lease("a")
    await one.take()

    assert await one.move(1, 10, {0: 4, 3: 7})
    assert await one.move(1, 10, {0: 5})
    assert not await one.move(1, 9, {0: 1})

    assert (await one.take()).position == 10
    assert await one.offsets() == {0: 5, 3: 7}


async def test_a_new_generation_begins_at_the_beginning_with_no_offset(lease: Callable[[str], Lease]) -> None:
    one = lease("a")
    await one.take()
    await one.move(1, 10, {0: 4})

    assert await one.restart(1)

    now = await one.take()
    assert (now.epoch, now.generation, now.position) == (2, 2, 0), "what was sent before moves the cursor no more"
    assert await one.offsets() == {}


async def test_a_page_holds_the_topics_records_in_order_with_the_one_before_each_in_its_shard(
    lease: Callable[[str], Lease], checkin: Writer
) -> None:
    await checkin.append(to("visit-a", 0, 2, visit_id="v1"), to("visit-b", 0, 1, visit_id="v2"))
    await checkin.append(to("visit-a", 2, 1, visit_id="v1"))

    page = await lease("a").read(1, 500)

    assert [record.position for record in page.records] == [2, 3, 4]
    assert [record.headers["ce_predecessor"] for record in page.records] == ["1", "0", "2"]
    assert [record.key for record in page.records] == ["v1", "v2", "v1"]
    said = json.loads(page.records[0].record)
    assert page.records[0].headers["ce_time"] == said["recorded_at"]
    assert page.records[0].headers["ce_incarnation"] == said["incarnation"]
    assert page.records[0].correlation_id == said["correlation_id"]
    assert (page.upto, page.head) == (4, 4)


async def test_a_full_page_ends_with_its_last_record_and_an_empty_one_with_the_log(
    lease: Callable[[str], Lease], checkin: Writer
) -> None:
    await checkin.append(to("worker-a", 0, 5))

    full, rest, empty = [await lease("a").read(after, 3) for after in (0, 3, 5)]

    assert (full.upto, len(full.records)) == (3, 3)
    assert (rest.upto, len(rest.records)) == (5, 2)
    assert (empty.upto, empty.records) == (5, ())


async def test_a_look_spans_so_many_positions_and_no_more(
    lease: Callable[[str], Lease], checkin: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checkin.append(to("worker-a", 0, 9))
    monkeypatch.setattr("shared.runtime.relay_lease.SPAN", 4)
    assert SPAN > 4

    page = await lease("a").read(2, 500)

    assert (page.upto, len(page.records), page.head) == (6, 4, 9)


async def test_the_age_of_the_oldest_record_not_published_is_the_logs(
    lease: Callable[[str], Lease], checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    one = lease("a")
    await checkin.append(to("worker-a", 0, 1))
    await admin.execute("UPDATE log.shift SET by = '1 hour'")

    behind = await one.take()
    await one.move(behind.epoch, 1, {})
    published = await one.take()

    assert timedelta(hours=1) <= behind.oldest < timedelta(hours=1, minutes=1)
    assert published.oldest == timedelta()


async def test_each_service_leases_its_own_topic_and_no_other(
    database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for service in SERVICES:
        pool = await open_pool(database.dsn(service), size=1)
        assert (await Lease(pool, service, VISITS, "same").take()).held
        pool.terminate()

    held = await admin.fetch("SELECT topic FROM log.relay WHERE holder = 'same'")
    assert {row["topic"] for row in held} == set(TOPIC_OF_SERVICE.values())
