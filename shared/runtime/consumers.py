"""Who follows the log: reactions and read models, and how each takes one page of one shard.

A *reaction* answers each record with one command whose cause is the record, so its effect and its position are one
commit. A *read model* writes its rows and its position in one transaction and can be rebuilt from 0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contracts.envelope import Recorded, decode
from shared.runtime.log import AlreadyApplied, Append, By, Cause, FeedGap

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.sequencer import Sequencer

PAGE = 200
"""Records of one shard taken at a time: a shard with a backlog leaves room for the others."""

# The next records of a shard, oldest first. Uses event_topic_shard (topic, shard, position).
NEXT = """
SELECT position, type, record FROM log.event
WHERE topic = $1 AND shard = $2 AND position > $3 ORDER BY position LIMIT $4
"""

# How many rows a read model has: 64 for each topic, or its migration is missing.
READ_MODEL_ROWS = "SELECT topic, count(*) AS shards FROM SCHEMA.applied WHERE read_model = $1 GROUP BY topic"

# Shards of a read model that have records not yet applied. One probe a shard in event_topic_shard.
READ_MODEL_BEHIND = """
SELECT a.topic, a.shard FROM SCHEMA.applied a
WHERE a.read_model = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""

# One replica at a time applies a shard; another skips it.
READ_MODEL_LOCK = """
SELECT position FROM SCHEMA.applied WHERE read_model = $1 AND topic = $2 AND shard = $3 FOR UPDATE SKIP LOCKED
"""

READ_MODEL_MOVE = """
UPDATE SCHEMA.applied SET position = $4 WHERE read_model = $1 AND topic = $2 AND shard = $3
"""

React = Callable[[Recorded, Cause, By], Awaitable[None]]
Apply = Callable[["Connection", Recorded], Awaitable[None]]


class MissingRowError(RuntimeError):
    """A reaction has no applied positions: its migration was not applied. The service must not start."""


@dataclass(frozen=True)
class Reaction:
    """Answers records of ``topics``: of each type in ``answers`` by its handler, of any other by nothing.

    A handler appends exactly one command with the cause that it is given, empty answers included.
    """

    consumer: str
    topics: tuple[str, ...]
    answers: Mapping[str, React]


@dataclass(frozen=True)
class ReadModel:
    """Rows that can be dropped and rebuilt: ``apply`` per type, in the transaction that moves ``schema``.applied."""

    name: str
    schema: str
    topics: tuple[str, ...]
    applies: Mapping[str, Apply]


def in_schema(statement: str, model: ReadModel) -> str:
    """Return a statement about a read model's positions; its schema is a constant of the service."""
    return statement.replace("SCHEMA", model.schema)


async def react(pool: Pool, sequencer: Sequencer, reaction: Reaction, topic: str, shard: int, applied: int) -> None:
    """Answer one page of one shard, record by record; runs without an answer move together."""
    rows = await pool.fetch(NEXT, topic, shard, applied, PAGE)
    skipped = None
    for row in rows:
        answer = reaction.answers.get(row["type"])
        if answer is None:
            skipped = row["position"]
            continue
        if skipped is not None:
            await _skip(pool, sequencer, Cause(reaction.consumer, topic, shard, applied, skipped))
            applied, skipped = skipped, None
        recorded = decode(row["record"])
        by = By(
            actor=f"system:{reaction.consumer}",
            correlation_id=recorded.envelope.correlation_id,
            causation_id=recorded.envelope.event_id,
        )
        with suppress(AlreadyApplied):  # another replica was first; its effect is this one's
            await answer(recorded, Cause(reaction.consumer, topic, shard, applied, row["position"]), by)
        applied = row["position"]
    if skipped is not None:
        await _skip(pool, sequencer, Cause(reaction.consumer, topic, shard, applied, skipped))


async def _skip(pool: Pool, sequencer: Sequencer, cause: Cause) -> None:
    """Move past records that this consumer has no answer for."""
    by = By(actor=f"system:{cause.consumer}", correlation_id="feed")
    now = await pool.fetchval("SELECT log.now()")
    with suppress(AlreadyApplied):  # another replica was first
        await sequencer.append(Append(writes=(), by=by, decided_at=now, origin=cause))


async def apply(pool: Pool, model: ReadModel, topic: str, shard: int) -> None:
    """Apply one page of one shard to a read model, with its position, in one transaction.

    Raises FeedGap while another replica is at it: whether that comes to an end shows at a later look.
    """
    lock, move = in_schema(READ_MODEL_LOCK, model), in_schema(READ_MODEL_MOVE, model)
    async with pool.acquire() as connection, connection.transaction():
        applied = await connection.fetchval(lock, model.name, topic, shard)
        if applied is None:
            raise FeedGap
        rows = await connection.fetch(NEXT, topic, shard, applied, PAGE)
        for row in rows:
            if write := model.applies.get(row["type"]):
                await write(connection, decode(row["record"]))
        if rows:
            await connection.execute(move, model.name, topic, shard, rows[-1]["position"])
        # A crash here leaves neither rows nor position; the page is applied again.
