"""How a read model takes one page of one shard: its rows and its position in one transaction.

What cannot be read or applied is recorded as parked and passed over; the rest of the visit goes on, for the rows can be
rebuilt.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.runtime.consumers import Follower, ReadModel, in_schema
from shared.runtime.log import By, FeedGap
from shared.runtime.reading import Unreadable, mended, parked, parked_id_of
from shared.runtime.rows import ByTopic, Row
from shared.runtime.taking import BY_TOPIC, NotByTopic
from shared.runtime.telemetry import FED
from shared.runtime.troubles import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Connection
    from shared.runtime.taking import Turn

# Shards of a read model that have records not yet applied, and the oldest one's age. One probe a shard in
# event_topic_shard (topic, shard, position).
READ_MODEL_BEHIND = """
SELECT a.topic, a.shard, a.position, extract(epoch FROM log.now() - next.recorded_at)::float8 AS age
FROM SCHEMA.applied a
CROSS JOIN LATERAL (
    SELECT e.recorded_at FROM log.event e
    WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 1
) AS next
WHERE a.read_model = $1
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

# Whether these hashes are of all the records of a shard between two positions. Uses event_topic_shard (topic, shard,
# position).
AS_RECORDED = """
SELECT array_agg(sha256(e.record) ORDER BY e.position) = $5::bytea[]
FROM log.event e WHERE e.topic = $1 AND e.shard = $2 AND e.position > $3 AND e.position <= $4
"""

Instead = dict[int, "Recorded | None"]
"""What stands for records that were set aside, by position: what somebody mended, or nothing."""


class _Aside(Exception):  # noqa: N818 -- says what is to be done with the records
    """Records of the page are to be set aside; nothing of the page was kept."""

    def __init__(self, rows: Sequence[tuple[Row, Unreadable]]) -> None:
        super().__init__(len(rows))
        self.rows = rows


async def apply(follower: Follower, model: ReadModel, turn: Turn) -> int:
    """Apply one page of one shard to a read model, with its position, in one transaction; return that position.

    Raises FeedGap while another replica is at it (whether that comes to an end shows at a later look), NotByTopic where
    the log must be read, LeftToNewer, and whatever applying raises that is not yet the record's own fault.
    """
    instead: Instead = {}
    while True:
        try:
            return await _apply_page(follower, model, turn, instead)
        except _Aside as aside:
            if any(isinstance(row, ByTopic) for row, _ in aside.rows):
                turn = replace(turn, by_log=True)
                continue
            # A crash before the page is taken again leaves the facts alone; the next reader finds them and goes on.
            parks = [_park(follower, model, row, why, again=row["position"] in instead) for row, why in aside.rows]
            found = await asyncio.gather(*parks)
            instead.update((row["position"], said) for (row, _), said in zip(aside.rows, found, strict=True))


async def _apply_page(follower: Follower, model: ReadModel, turn: Turn, instead: Instead) -> int:
    lock, move = in_schema(READ_MODEL_LOCK, model), in_schema(READ_MODEL_MOVE, model)
    _, topic, shard = turn.key
    async with follower.pool.acquire() as connection, connection.transaction():
        applied: int | None = await connection.fetchval(lock, model.name, topic, shard)
        if applied is None:
            raise FeedGap
        taken = await turn.take(connection, applied)
        if taken.rows and taken.via == BY_TOPIC:
            digests = [sha256(row["record"]).digest() for row in taken.rows]
            upto = taken.rows[-1]["position"]
            if not await connection.fetchval(AS_RECORDED, topic, shard, applied, upto, digests):
                raise NotByTopic
        answered = [row for row in taken.rows if row["type"] in model.applies]
        said = _said(follower, model, answered, instead)
        for row in answered:
            await _apply_one(follower, model, connection, row, said[row["position"]])
        if taken.rows:
            applied = int(taken.rows[-1]["position"])
            await connection.execute(move, model.name, topic, shard, applied)
        # A crash here leaves neither rows nor position; the page is applied again.
    if taken.rows:
        FED.labels(model.consumer, topic, taken.via).inc(len(taken.rows))
        follower.tries.forget(turn.key)
    return applied


def _said(follower: Follower, model: ReadModel, rows: Sequence[Row], instead: Instead) -> Instead:
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
    follower: Follower, model: ReadModel, connection: Connection, row: Row, said: Recorded | None
) -> None:
    """Apply what a record says, if anything stands for it. Raises _Aside once that has failed often enough."""
    if said is not None:
        try:
            await model.applies[row["type"]](connection, said)
        except Exception as error:  # whatever it is, it is raised again until it is the record's fault
            if isinstance(row, ByTopic):
                raise NotByTopic from error  # it may be made up: whether it can be applied says nothing of the log's record
            key = (model.consumer, row["topic"], row["shard"])
            raise _Aside([(row, await follower.judged(key, row["position"], error))]) from None


async def _park(follower: Follower, model: ReadModel, row: Row, why: Unreadable, *, again: bool) -> Recorded | None:
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
