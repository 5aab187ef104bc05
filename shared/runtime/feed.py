"""Follow the log: every 250 ms, look at every shard of every consumer, and let each take what it has not applied.

A record that fails holds up its own shard alone, and that for a second: then it is parked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from shared.contracts.topics import SHARDS
from shared.runtime.applying import READ_MODEL_BEHIND, READ_MODEL_ROWS, apply
from shared.runtime.clock import monotonic, pause
from shared.runtime.consumers import Follower, LeftToNewer, MissingRowError, Reaction, ReadModel, in_schema
from shared.runtime.log import AlreadyApplied, FeedGap, Unavailable
from shared.runtime.postgres import LOST
from shared.runtime.reacting import react
from shared.runtime.tries import Key

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

LOOK_EVERY = 0.25
"""Seconds between two looks at the log: a missed check-in passes three services within a second."""

_AGAIN = 0.05
"""Seconds before the next look where more is known to be left."""

_REACHED_WITHIN = 1.0
"""Seconds that a reader who asks for a position may wait: a person notices no more than that."""

MOST_WORKING = 16
"""Shards at work at once in one process: enough to fill the sequencer's calls, few enough to leave connections."""

_FAILED_PAUSE = 0.25
"""Seconds before a shard whose record failed is tried again the first time; no other shard waits for it."""

_LONGEST_PAUSE = 5.0
"""Seconds that the pause of a failing shard grows to: half of what an alarm may take."""

# Where the log is.
HEAD = "SELECT position FROM log.head"

# Shards that have records not yet applied. One probe a shard in event_topic_shard (topic, shard, position).
REACTION_BEHIND = """
SELECT a.topic, a.shard, a.position FROM log.applied a
WHERE a.consumer = $1 AND a.topic = ANY ($2)
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

_NEVER: tuple[float, float, int | None] = (0.0, 0.0, None)
"""Of a shard that did not fail."""

log = structlog.get_logger()


class Feed:
    """Looks at the log for one service, every 250 ms, and lets every consumer take what it has not applied.

    A look starts work and waits for none of it: each shard of a reaction, and each read model, goes at its own pace.
    """

    def __init__(
        self,
        probes: Pool,
        pool: Pool,
        troubles: Troubles,
        reactions: Sequence[Reaction],
        read_models: Sequence[ReadModel],
        cycles: Cycles,
        others: Sequence[Pool] = (),
    ) -> None:
        """Follow the log for these consumers; look by ``probes``, which nobody else keeps busy, and work by ``pool``.

        ``others`` are the other databases that handlers read.
        """
        self._probes = probes
        self._follower = Follower(pool, troubles, others=others)
        self.reactions = tuple(reactions)
        self.read_models = tuple(read_models)
        self._cycles = cycles
        self._working: dict[Key, asyncio.Task[None]] = {}
        self._failed: dict[Key, tuple[float, float, int | None]] = {}
        """When each shard that failed is tried again, after which pause, and the position at which it stood."""
        self._room = asyncio.Semaphore(MOST_WORKING)
        self._seen = -1
        self._moved = monotonic()

    async def check(self) -> None:
        """Raise MissingRowError for a consumer without its rows."""
        wanted = [(reaction.consumer, reaction.topics, REACTION_ROWS) for reaction in self.reactions]
        wanted += [(model.name, model.topics, in_schema(READ_MODEL_ROWS, model)) for model in self.read_models]
        for consumer, topics, query in wanted:
            rows = {row["topic"]: row["shards"] for row in await self._probes.fetch(query, consumer)}
            missing = [topic for topic in topics if rows.get(topic, 0) < SHARDS]
            if missing:
                message = f"{consumer} has no applied positions for {', '.join(missing)}: run the migrations"
                raise MissingRowError(message)

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                try:
                    head = await self._probes.fetchval(HEAD)
                    if head != self._seen and not await self.look():
                        self._seen = head  # read before the look: whatever came later is behind at the next one
                    self._cycles.finish("feed")
                except LOST as error:
                    log.warning("feed_cannot_read", error=type(error).__name__)
                await self._pause()
        finally:
            await self._end()

    async def reached(self, position: int) -> bool:
        """Wait up to a second until every consumer has applied what it follows up to ``position``; say whether."""
        until = monotonic() + _REACHED_WITHIN
        while self._seen < position and monotonic() < until:
            await pause(_AGAIN)
        return self._seen >= position

    async def caught_up(self) -> bool:
        """Wait up to a second until every consumer has applied all that the log holds now; say whether."""
        return await self.reached(await self._probes.fetchval(HEAD))

    async def oldest(self) -> float:
        """Return the age in seconds of the oldest record that some reaction has not applied; 0 where there is none."""
        return float(await self._probes.fetchval(OLDEST, [reaction.consumer for reaction in self.reactions]) or 0)

    def still_for(self) -> float:
        """Return the seconds since a consumer last moved, or had nothing to do."""
        return monotonic() - self._moved

    async def look(self) -> int:
        """Start work on whatever is behind and not being worked on. Return how much is behind."""
        behind = 0
        for reaction in self.reactions:
            rows = await self._probes.fetch(REACTION_BEHIND, reaction.consumer, reaction.topics)
            behind += len(rows)
            for row in rows:
                key = (reaction.consumer, row["topic"], row["shard"])
                self._start(key, partial(react, self._follower, reaction, *row))
        for model in self.read_models:  # one shard after another: rows of one read model share tables
            rows = await self._probes.fetch(in_schema(READ_MODEL_BEHIND, model), model.name)
            behind += len(rows)
            for row in rows:
                if not any(consumer == model.consumer for consumer, _, _ in self._working):
                    self._start((model.consumer, *row), partial(apply, self._follower, model, *row))
        if not behind:
            self._moved = monotonic()
        return behind

    def _start(self, key: Key, work: Callable[[], Awaitable[None]]) -> None:
        """Start a shard's work, unless it is at work or has failed a moment ago."""
        if key not in self._working and self._failed.get(key, _NEVER)[0] <= monotonic():
            task = self._working[key] = asyncio.create_task(self._guarded(key, work))
            task.add_done_callback(lambda _: self._working.pop(key))

    async def _guarded(self, key: Key, work: Callable[[], Awaitable[None]]) -> None:
        """Take one page of a shard; a failure holds up that shard alone, longer each time."""
        consumer, topic, shard = key
        try:
            async with self._room:
                await work()  # one page: the next look starts the next one, from where the shard is then
            self._moved = monotonic()
            self._failed.pop(key, None)
        except (FeedGap, AlreadyApplied):
            self._failed[key] = (monotonic() + LOOK_EVERY, 0.0, None)  # another replica is at it
            log.info("feed_reads_again", consumer=consumer, topic=topic, shard=shard)
        except LeftToNewer:
            self._failed[key] = (monotonic() + LOOK_EVERY, 0.0, None)
            log.info("feed_leaves_to_newer", consumer=consumer, topic=topic, shard=shard)
        except Exception as error:  # whatever a record does to its handler, the other shards go on
            _, last, stood = self._failed.get(key, _NEVER)
            stands = self._follower.tries.standing(key)
            grown = 2 * last if stands == stood else 0.0  # it has moved: what fails now is another record
            delay = min(max(grown, _FAILED_PAUSE), _LONGEST_PAUSE)
            self._failed[key] = (monotonic() + delay, delay, stands)
            if isinstance(error, (Unavailable, *LOST)):
                log.warning("feed_lost_the_log", consumer=consumer, topic=topic, shard=shard)
            else:
                self._cycles.failed("feed")
                log.exception("feed_failed", consumer=consumer, topic=topic, shard=shard)

    async def _pause(self) -> None:
        """Wait for the next look: sooner when work has come to an end, for there may be more of it."""
        working = set(self._working.values())
        if working:
            await asyncio.wait(working, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        await pause(_AGAIN if working else LOOK_EVERY)

    @property
    def working(self) -> bool:
        """Whether work is going on."""
        return bool(self._working)

    async def drain(self) -> None:
        """Wait for the work that is going on."""
        await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def _end(self) -> None:
        """Stop whatever is at work; what was not appended is taken again by whoever looks next."""
        working = list(self._working.values())
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
