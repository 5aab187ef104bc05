"""How a read model takes one page of one shard: its rows and its position in one transaction.

What cannot be read or applied is recorded as parked and passed over; the rest of the visit goes on, for the rows can be
rebuilt.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.runtime.consumers import PAGE, Follower, ReadModel, in_schema
from shared.runtime.log import By, FeedGap
from shared.runtime.reading import NEXT, Unreadable, mended, parked, parked_id_of
from shared.runtime.troubles import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class _Aside(Exception):  # noqa: N818 -- says what is to be done with the records
    """Records of the page are to be set aside; nothing of the page was kept."""

    def __init__(self, rows: Sequence[tuple[asyncpg.Record, Unreadable]]) -> None:
        super().__init__(len(rows))
        self.rows = rows


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
            # A crash before the page is taken again leaves the facts alone; the next reader finds them and goes on.
            parks = [_park(follower, model, row, why, again=row["position"] in instead) for row, why in aside.rows]
            found = await asyncio.gather(*parks)
            instead.update((row["position"], said) for (row, _), said in zip(aside.rows, found, strict=True))
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
        answered = [row for row in rows if row["type"] in model.applies]
        said = _said(follower, model, answered, instead)
        for row in answered:
            await _apply_one(follower, model, connection, row, said[row["position"]])
        if rows:
            await connection.execute(move, model.name, topic, shard, rows[-1]["position"])
        # A crash here leaves neither rows nor position; the page is applied again.


def _said(follower: Follower, model: ReadModel, rows: Sequence[asyncpg.Record], instead: Instead) -> Instead:
    """Return what each of these rows says, or what stands for it. Raises _Aside with all that nothing can read."""
    said: Instead = dict(instead)
    aside = []
    for row in rows:
        if row["position"] not in said:
            found = follower.readable((model.consumer, row["topic"], row["shard"]), row)
            if isinstance(found, Unreadable):
                aside.append((row, found))
            else:
                said[row["position"]] = found
    if aside:
        raise _Aside(aside)
    return said


async def _apply_one(
    follower: Follower, model: ReadModel, connection: Connection, row: asyncpg.Record, said: Recorded | None
) -> None:
    """Apply what a record says, if anything stands for it. Raises _Aside once that has failed often enough."""
    if said is not None:
        try:
            await model.applies[row["type"]](connection, said)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is raised again until it is the record's fault
            key = (model.consumer, row["topic"], row["shard"])
            raise _Aside([(row, await follower.judged(key, row["position"], error))]) from None


async def _park(
    follower: Follower, model: ReadModel, row: asyncpg.Record, why: Unreadable, *, again: bool
) -> Recorded | None:
    """Say that a record is set aside; return what somebody mended it to, where that was replayed before.

    ``again``: what stands for it failed too, and nothing does then.
    """
    if again:
        return None
    troubles = follower.troubles
    stream_id = troubles.stream_of_row(row)
    known = (await troubles.known([stream_id])).get(stream_id, Known())
    found = known.state.find(parked_id_of(model.consumer, row["position"]))
    if found is not None and found.settled == "replayed" and found.data is not None:
        return mended(row, found.data)
    by = By(f"system:{model.consumer}", row["correlation_id"], row["event_id"])
    fact = parked(troubles.service, model.consumer, row, why)
    await troubles.park(fact, stream_id, known, by, None, row["read_at"])
    return None
