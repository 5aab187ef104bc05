"""Follow the log: every 250 ms, look at every shard of every consumer, and let each take what it has not applied.

A record that fails holds up its own shard alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from shared.contracts.topics import SHARDS
from shared.runtime.clock import monotonic, pause
from shared.runtime.consumers import (
    READ_MODEL_BEHIND,
    READ_MODEL_ROWS,
    MissingRowError,
    Reaction,
    ReadModel,
    apply,
    in_schema,
    react,
)
from shared.runtime.log import AlreadyApplied, FeedGap, Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.sequencer import Sequencer
    from shared.runtime.telemetry import Cycles

LOOK_EVERY = 0.25
"""Seconds between two looks at the log: a missed check-in passes three services within a second."""

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

log = structlog.get_logger()


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
        wanted += [(model.name, model.topics, in_schema(READ_MODEL_ROWS, model)) for model in self._read_models]
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
                self._guarded(
                    reaction.consumer, row["topic"], row["shard"], react(self._pool, self._sequencer, reaction, *row)
                )
                for row in behind
            )
        )
        return all(done)

    async def _look_read_model(self, model: ReadModel) -> bool:
        behind = await self._pool.fetch(in_schema(READ_MODEL_BEHIND, model), model.name)
        done = True
        for row in behind:  # one after another: rows of one read model share tables
            done &= await self._guarded(model.name, row["topic"], row["shard"], apply(self._pool, model, *row))
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
