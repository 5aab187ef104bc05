"""Whoever commands gets a receipt: where their last record stands and its leaf hash, the same again at a repeat."""

from __future__ import annotations

from hashlib import sha256

import asyncpg

from shared.runtime.log import Cause, load
from shared.runtime.receipts import Receipt
from tests.store.appending import Writer, outside, settled, to

RECORD = "SELECT record FROM log.event WHERE position = $1"
START = "INSERT INTO log.applied (consumer, topic, shard, position) VALUES ('checkin', 'lonewatch.visits.v1', 0, 0)"


async def receipt(admin: asyncpg.Connection[asyncpg.Record], position: int) -> Receipt:
    """Return what a receipt for this position must say, from the record itself."""
    entry = sha256(await admin.fetchval(RECORD, position)).digest()
    return Receipt(position, sha256(b"\x00" + entry).hexdigest())


async def test_a_receipt_is_for_the_last_record_of_the_command(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    outcome = await checkin.append(to("visit-a", events=2), to("worker-a"), origin=outside("one"))
    assert outcome.receipt == await receipt(admin, 3)


async def test_in_one_call_each_gets_its_own(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    outcomes = await settled(
        *(checkin.append(to(f"visit-{number}", events=2), origin=outside(f"{number}")) for number in range(20))
    )
    for outcome in outcomes:
        assert not isinstance(outcome, BaseException)
        assert outcome.receipt == await receipt(admin, outcome.last_position or 0)


async def test_a_repeat_gets_the_first_receipt_by_the_append_and_by_the_load(
    checkin: Writer, other_checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    first = await checkin.append(to("visit-a", events=2), origin=outside("one"))
    await checkin.append(to("visit-a", 2), to("worker-a"))
    again = await other_checkin.append(to("visit-a", 5), origin=outside("one"))
    known = (await load(checkin.pool, ["visit-a", "worker-a"], outside("one"))).known
    assert known is not None
    assert first.receipt == again.receipt == known.receipt == await receipt(admin, 2)


async def test_where_nothing_is_appended_there_is_none_and_a_repeat_has_none_either(checkin: Writer) -> None:
    first = await checkin.append(to("visit-a", events=0), origin=outside("one"))
    again = await checkin.append(to("visit-a", events=0), origin=outside("one"))
    known = (await load(checkin.pool, [], outside("one"))).known
    assert known is not None
    assert first.receipt is again.receipt is known.receipt is None


async def test_a_command_without_an_id_gets_one_and_what_answers_a_record_none(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    plain = await checkin.append(to("visit-a"))
    assert plain.receipt == await receipt(admin, 1)
    await admin.execute(START)
    answering = await checkin.append(to("visit-b"), origin=Cause("checkin", "lonewatch.visits.v1", 0, 0, 1))
    assert (answering.last_position, answering.receipt) == (2, None)
