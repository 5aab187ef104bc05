"""How anything follows events: from the log, by applied position per consumer, topic and shard.

A *reaction* answers each record with one command whose cause is the record, so its effect and its position are one
commit. A *read model* writes its rows and its position in one transaction and can be rebuilt from 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from shared.contracts.envelope import Recorded, decode
from shared.contracts.topics import SHARDS
from shared.runtime.clock import monotonic, pause
from shared.runtime.log import AlreadyApplied, Append, By, Cause, FeedGap, Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.sequencer import Sequencer
    from shared.runtime.telemetry import Cycles

LOOK_EVERY = 0.25
"""Seconds between two looks at the log: a missed check-in passes three services within a second."""

PAGE = 200
"""Records of one shard taken at a time: a shard with a backlog leaves room for the others."""

_AGAIN = 0.01
"""Seconds before the next look where more is known to be left."""

_REACHED_WITHIN = 1.0
"""Seconds that a reader who asks for a position may wait: a person notices no more than that."""

_FAILED_PAUSE = 1.0
"""Seconds before a shard whose record failed is tried again; no other shard waits for it."""

# Where the log is.
HEAD = "SELECT position FROM log.head"

# Shards that have records not yet applied. One probe a shard in event_topic_shard (topic, shard, position).
REACTION_BEHIND = """
SELECT a.topic, a.shard, a.position FROM log.applied a
WHERE a.consumer = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""

# Seconds since the oldest record was recorded that one of these reactions has not applied.
OLDEST = """
SELECT extract(epoch FROM clock_timestamp() - min(next.recorded_at)) FROM log.applied a
CROSS JOIN LATERAL (
    SELECT e.recorded_at FROM log.event e
    WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 1
) AS next
WHERE a.consumer = ANY ($1)
"""

# How many rows a reaction has: 64 for each topic, or its migration is missing.
REACTION_ROWS = "SELECT topic, count(*) AS shards FROM log.applied WHERE consumer = $1 GROUP BY topic"

# The next records of a shard, oldest first. Uses event_topic_shard (topic, shard, position).
NEXT = """
SELECT position, type, record FROM log.event
WHERE topic = $1 AND shard = $2 AND position > $3 ORDER BY position LIMIT $4
"""

React = Callable[[Recorded, Cause, By], Awaitable[None]]
Apply = Callable[["Connection", Recorded], Awaitable[None]]

log = structlog.get_logger()


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


class Feed:
    """Looks at the log for one service, every 250 ms, and lets every consumer take what it has not applied."""

    def __init__(
        self,
        pool: Pool,
        sequencer: Sequencer,
        reactions: Sequence[Reaction],
        read_models: Sequence[ReadModel],
        cycles: Cycles,
    ) -> None:
        """Follow the log for these consumers."""
        self._pool = pool
        self._sequencer = sequencer
        self._reactions = reactions
        self._read_models = read_models
        self._cycles = cycles
        self._failed: dict[tuple[str, str, int], float] = {}
        self._seen = -1

    async def caught_up(self) -> bool:
        """Wait up to a second until every consumer has looked at all that the log holds now."""
        return await self.reached(await self._pool.fetchval(HEAD))

    async def oldest(self) -> timedelta | None:
        """Return the age of the oldest record that some reaction has not applied, or None."""
        recorded_at = await self._pool.fetchval(OLDEST, [reaction.consumer for reaction in self._reactions])
        return None if recorded_at is None else timedelta(seconds=float(recorded_at))

    async def check(self) -> None:
        """Raise MissingRowError for a consumer without its rows."""
        wanted = [(reaction.consumer, reaction.topics, REACTION_ROWS) for reaction in self._reactions]
        wanted += [(model.name, model.topics, _in_schema(_READ_MODEL_ROWS, model)) for model in self._read_models]
        for consumer, topics, query in wanted:
            rows = {row["topic"]: row["shards"] for row in await self._pool.fetch(query, consumer)}
            missing = [topic for topic in topics if rows.get(topic, 0) < SHARDS]
            if missing:
                message = f"{consumer} has no applied positions for {', '.join(missing)}: run the migrations"
                raise MissingRowError(message)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            left = False
            try:
                head = await self._pool.fetchval(HEAD)
                if head != self._seen or self._failed:
                    left = not await self.look()
                    if not left:
                        self._seen = head
                self._cycles.finish("feed")
            except LOST as error:
                log.warning("feed_cannot_read", error=type(error).__name__)
            await pause(_AGAIN if left else LOOK_EVERY)

    async def reached(self, position: int) -> bool:
        """Wait up to a second until every consumer has looked at ``position``. Return whether it has."""
        until = monotonic() + _REACHED_WITHIN
        while self._seen < position and monotonic() < until:
            await pause(_AGAIN)
        return self._seen >= position

    async def look(self) -> bool:
        """Let every consumer take one page of each shard that has something. Return whether nothing is left."""
        done = await asyncio.gather(
            *(self._look_reaction(reaction) for reaction in self._reactions),
            *(self._look_read_model(model) for model in self._read_models),
        )
        return all(done)

    async def _look_reaction(self, reaction: Reaction) -> bool:
        behind = await self._pool.fetch(REACTION_BEHIND, reaction.consumer)
        behind = [row for row in behind if row["topic"] in reaction.topics]
        done = await asyncio.gather(
            *(
                self._guarded(reaction.consumer, row["topic"], row["shard"], self._react(reaction, *row))
                for row in behind
            )
        )
        return all(done)

    async def _look_read_model(self, model: ReadModel) -> bool:
        behind = await self._pool.fetch(_in_schema(_READ_MODEL_BEHIND, model), model.name)
        done = True
        for row in behind:  # one after another: rows of one read model share tables
            done &= await self._guarded(model.name, row["topic"], row["shard"], self._apply(model, *row))
        return done

    async def _guarded(self, consumer: str, topic: str, shard: int, work: Coroutine[Any, Any, bool]) -> bool:
        """Run the work of one shard; a failure holds up that shard alone, and is tried again."""
        key = (consumer, topic, shard)
        try:
            if monotonic() - self._failed.get(key, float("-inf")) < _FAILED_PAUSE:
                work.close()
                return True
            done = await work
        except (FeedGap, AlreadyApplied, Unavailable, *LOST) as error:
            log.info("feed_reads_again", consumer=consumer, topic=topic, shard=shard, error=type(error).__name__)
            self._failed.pop(key, None)
            return False
        except Exception:  # whatever a record does to its handler, the other shards go on
            self._failed[key] = monotonic()
            self._cycles.failed("feed")
            log.exception("feed_failed", consumer=consumer, topic=topic, shard=shard)
            return True
        self._failed.pop(key, None)
        return done

    async def _react(self, reaction: Reaction, topic: str, shard: int, applied: int) -> bool:
        """Answer one page of one shard, record by record; runs without an answer move together."""
        rows = await self._pool.fetch(NEXT, topic, shard, applied, PAGE)
        skipped = None
        for row in rows:
            answer = reaction.answers.get(row["type"])
            if answer is None:
                skipped = row["position"]
                continue
            if skipped is not None:
                await self._skip(Cause(reaction.consumer, topic, shard, applied, skipped))
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
            await self._skip(Cause(reaction.consumer, topic, shard, applied, skipped))
        return len(rows) < PAGE

    async def _skip(self, cause: Cause) -> None:
        """Move past records that this consumer has no answer for."""
        by = By(actor=f"system:{cause.consumer}", correlation_id="feed")
        now = await self._pool.fetchval("SELECT log.now()")
        with suppress(AlreadyApplied):  # another replica was first
            await self._sequencer.append(Append(writes=(), by=by, decided_at=now, origin=cause))

    async def _apply(self, model: ReadModel, topic: str, shard: int) -> bool:
        """Apply one page of one shard to a read model, with its position, in one transaction."""
        lock, move = _in_schema(_READ_MODEL_LOCK, model), _in_schema(_READ_MODEL_MOVE, model)
        async with self._pool.acquire() as connection, connection.transaction():
            applied = await connection.fetchval(lock, model.name, topic, shard)
            if applied is None:
                return False  # another replica is at it; whether it comes to an end shows at the next look
            rows = await connection.fetch(NEXT, topic, shard, applied, PAGE)
            for row in rows:
                if apply := model.applies.get(row["type"]):
                    await apply(connection, decode(row["record"]))
            if rows:
                await connection.execute(move, model.name, topic, shard, rows[-1]["position"])
            # A crash here leaves neither rows nor position; the page is applied again.
        return len(rows) < PAGE


def _in_schema(statement: str, model: ReadModel) -> str:
    """Return a statement about a read model's positions; its schema is a constant of the service."""
    return statement.replace("SCHEMA", model.schema)


# How many rows a read model has: 64 for each topic, or its migration is missing.
_READ_MODEL_ROWS = "SELECT topic, count(*) AS shards FROM SCHEMA.applied WHERE read_model = $1 GROUP BY topic"

# Shards of a read model that have records not yet applied. One probe a shard in event_topic_shard.
_READ_MODEL_BEHIND = """
SELECT a.topic, a.shard FROM SCHEMA.applied a
WHERE a.read_model = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""

# One replica at a time applies a shard; another skips it.
_READ_MODEL_LOCK = """
SELECT position FROM SCHEMA.applied WHERE read_model = $1 AND topic = $2 AND shard = $3 FOR UPDATE SKIP LOCKED
"""

_READ_MODEL_MOVE = """
UPDATE SCHEMA.applied SET position = $4 WHERE read_model = $1 AND topic = $2 AND shard = $3
"""
