"""How a read model takes one page of one shard: its rows and its position in one transaction.

What cannot be read or applied is recorded as parked and passed over; the rest of the visit goes on, for the rows can be
rebuilt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.runtime.consumers import PAGE, Follower, ReadModel, in_schema
from shared.runtime.log import By, FeedGap
from shared.runtime.reading import NEXT, Unreadable, mended, parked, parked_id_of
from shared.runtime.troubles import Known, is_id
from shared.trouble import TroubleState

if TYPE_CHECKING:
    import asyncpg

    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Connection

# Shards of a read model that have records not yet applied. One probe a shard in event_topic_shard.
READ_MODEL_BEHIND = """
SELECT a.topic, a.shard FROM SCHEMA.applied a
WHERE a.read_model = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""

# How many rows a read model has: 64 for each topic, or its migration is missing.
READ_MODEL_ROWS = "SELECT topic, count(*) AS shards FROM SCHEMA.applied WHERE read_model = $1 GROUP BY topic"

# One replica at a time applies a shard; another skips it.
READ_MODEL_LOCK = """
SELECT position FROM SCHEMA.applied WHERE read_model = $1 AND topic = $2 AND shard = $3 FOR UPDATE SKIP LOCKED
"""

READ_MODEL_MOVE = """
UPDATE SCHEMA.applied SET position = $4 WHERE read_model = $1 AND topic = $2 AND shard = $3
"""

Instead = dict[int, "Recorded | None"]
"""What stands for records that were set aside, by position: what somebody mended, or nothing."""


class _Aside(Exception):  # noqa: N818 -- says what is to be done with the record
    """A record of the page is to be set aside; nothing of the page was kept."""

    def __init__(self, row: asyncpg.Record, why: Unreadable) -> None:
        super().__init__(why.reason)
        self.row = row
        self.why = why


async def apply(follower: Follower, model: ReadModel, topic: str, shard: int) -> None:
    """Apply one page of one shard to a read model, with its position, in one transaction.

    Raises FeedGap while another replica is at it (whether that comes to an end shows at a later look), LeftToNewer, and
    whatever applying raises that is not yet the record's own fault.
    """
    instead: Instead = {}
    while True:
        try:
            await _apply_page(follower, model, topic, shard, instead)
        except _Aside as aside:
            # A crash before the page is taken again leaves the fact alone; the next reader finds it and goes on.
            again = aside.row["position"] in instead
            instead[aside.row["position"]] = None if again else await _park(follower, model, aside)
        else:
            follower.tries.forget((model.consumer, topic, shard))
            return


async def _apply_page(follower: Follower, model: ReadModel, topic: str, shard: int, instead: Instead) -> None:
    lock, move = in_schema(READ_MODEL_LOCK, model), in_schema(READ_MODEL_MOVE, model)
    async with follower.pool.acquire() as connection, connection.transaction():
        applied = await connection.fetchval(lock, model.name, topic, shard)
        if applied is None:
            raise FeedGap
        rows = await connection.fetch(NEXT, topic, shard, applied, PAGE)
        for row in rows:
            if row["type"] in model.applies:
                await _apply_one(follower, model, connection, row, instead)
        if rows:
            await connection.execute(move, model.name, topic, shard, rows[-1]["position"])
        # A crash here leaves neither rows nor position; the page is applied again.


async def _apply_one(
    follower: Follower, model: ReadModel, connection: Connection, row: asyncpg.Record, instead: Instead
) -> None:
    """Apply one record, or what stands for it. Raises _Aside."""
    key, position = (model.consumer, row["topic"], row["shard"]), row["position"]
    found = instead[position] if position in instead else follower.readable(key, row)
    if isinstance(found, Unreadable):
        raise _Aside(row, found)
    if found is not None:
        try:
            await model.applies[row["type"]](connection, found)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is raised again until it is the record's fault
            raise _Aside(row, await follower.judged(key, position, error)) from None


async def _park(follower: Follower, model: ReadModel, aside: _Aside) -> Recorded | None:
    """Say that a record is set aside; return what somebody mended it to, where that was replayed before."""
    row, troubles = aside.row, follower.troubles
    visit_id = row["visit_id"] if is_id(row["visit_id"]) else None
    stream_id = troubles.stream_of(visit_id, row["stream_id"])
    known = (await troubles.known([stream_id])).get(stream_id, Known(0, TroubleState()))
    found = known.state.find(parked_id_of(model.consumer, row["position"]))
    if found is not None and found.settled == "replayed" and found.data is not None:
        return mended(row, found.data)
    by = By(f"system:{model.consumer}", row["correlation_id"], row["event_id"])
    await troubles.park(parked(troubles.service, model.consumer, row, aside.why), stream_id, known, by, None)
    return None
