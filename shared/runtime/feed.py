"""Follow the topics and the log: every consumer takes each record once, in order, from whichever has it first.

What comes by a topic is applied where it follows what was applied before. Every 250 ms each shard is looked at in the
log, and whatever its topic did not bring is read there: a broker costs latency and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from shared.contracts.topics import SHARDS
from shared.runtime.applying import READ_MODEL_BEHIND, READ_MODEL_ROWS, apply
from shared.runtime.clock import monotonic, pause
from shared.runtime.consumers import Follower, LeftToNewer, MissingRowError, Reaction, ReadModel, in_schema
from shared.runtime.log import AlreadyApplied, FeedGap, Unavailable
from shared.runtime.offered import Offered
from shared.runtime.postgres import LOST
from shared.runtime.reacting import react
from shared.runtime.taking import Turn
from shared.runtime.tries import Key
from shared.runtime.working import Working

if TYPE_CHECKING:
    from shared.contracts.carried import Carried
    from shared.runtime.postgres import Pool
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

LOOK_EVERY = 0.25
"""Seconds between two looks at the log: a missed check-in passes three services within a second."""

CARRIED_WITHIN = 0.5
"""Seconds that a topic has to bring a record before it is read from the log: many times what an undisturbed broker takes,
and three services in a row still tell somebody within 3 s."""

DOUBTED_FOR = 30.0
"""Seconds for which a shard is read from the log alone after its topic brought what the log has not like that: a flood of
made-up records then costs one page of each shard, and no alarm waits behind it."""

_AGAIN = 0.05
"""Seconds before the next look where more is known to be left, or somebody waits for it."""

_REACHED_WITHIN = 1.0
"""Seconds that a reader who asks for a position may wait: a person notices no more than that."""

# Where the log is.
HEAD = "SELECT position FROM log.head"

# Where one shard of a reaction stands.
APPLIED = "SELECT position FROM log.applied WHERE consumer = $1 AND topic = $2 AND shard = $3"

# Shards that have records not yet applied, and the oldest one's age. One probe a shard in event_topic_shard (topic, shard,
# position).
REACTION_BEHIND = """
SELECT a.topic, a.shard, a.position, extract(epoch FROM log.now() - next.recorded_at)::float8 AS age
FROM log.applied a
CROSS JOIN LATERAL (
    SELECT e.recorded_at FROM log.event e
    WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 1
) AS next
WHERE a.consumer = $1 AND a.topic = ANY ($2)
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
    """Lets every consumer of one service take what it has not applied, from what topics bring and from the log.

    A look starts work and waits for none of it: each shard of a reaction goes at its own pace, and the shards of a read
    model one after another, for their rows share tables.
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
        """Follow for these consumers; look by ``probes``, which nobody else keeps busy, and work by ``pool``.

        ``others`` are the other databases that handlers read.
        """
        self._probes = probes
        self._follower = Follower(pool, troubles, others=others)
        self.reactions = tuple(reactions)
        self.read_models = tuple(read_models)
        self._consumers: dict[str, Reaction | ReadModel] = {one.consumer: one for one in self.reactions}
        self._consumers |= {one.consumer: one for one in self.read_models}
        self._cycles = cycles
        self._offered = Offered()
        self._applied: dict[Key, int] = {}
        """Where shards stand as far as this process knows; another replica may have moved them on."""
        self.carried: frozenset[str] = frozenset()
        """The topics that a broker brings at present: their records have a moment to come before the log is read."""
        self._doubted: dict[Key, float] = {}
        """Until when what comes by a topic is not taken for a shard."""
        self._working = Working(self._take, self._lane_of, self._follower.tries, cycles)
        self._seen = -1
        self._left = False
        """Whether the last look found something to read in the log."""
        self._over = False
        self._waiting = 0
        """How many wait for a position."""
        self._idle = monotonic()

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
        self._over = False
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
            self._over = True
            await self._working.end()

    async def reached(self, position: int) -> bool:
        """Wait up to a second until every consumer has applied what it follows up to ``position``; say whether."""
        until = monotonic() + _REACHED_WITHIN
        self._waiting += 1
        try:
            while self._seen < position and monotonic() < until:
                await pause(_AGAIN)
        finally:
            self._waiting -= 1
        return self._seen >= position

    async def caught_up(self) -> bool:
        """Wait up to a second until every consumer has applied all that the log holds now; say whether."""
        return await self.reached(await self._probes.fetchval(HEAD))

    async def oldest(self) -> float:
        """Return the age in seconds of the oldest record that some reaction has not applied; 0 where there is none."""
        return float(await self._probes.fetchval(OLDEST, [reaction.consumer for reaction in self.reactions]) or 0)

    def still_for(self) -> float:
        """Return the seconds since a consumer last moved, or had nothing to do."""
        return monotonic() - max(self._idle, self._working.moved)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that some consumer follows."""
        return tuple(sorted({topic for one in self._consumers.values() for topic in one.topics}))

    @property
    def full(self) -> bool:
        """Whether more that came by topics would not be kept."""
        return self._offered.full

    def offer(self, records: Iterable[Carried]) -> None:
        """Take in what came by topics, in any order and however often; whoever has an answer to it starts at once.

        What nobody answers is moved past at the next look, many records in one commit.
        """
        eager: dict[Key, None] = {}
        for came in () if self._over else records:
            for consumer, one in self._consumers.items():
                key = (consumer, came.topic, came.place.shard)
                new = came.topic in one.topics and came.place.position > self._applied.get(key, 0)
                if new and not self._doubts(key) and self._offered.add(key, came) and came.type in _types(one):
                    eager[key] = None
        for key in eager:
            self._working.want(key)

    async def look(self) -> int:
        """Start work on what topics did not bring in time, and on what they did. Return how much is behind."""
        behind, self._left = 0, False
        for reaction in self.reactions:
            rows = await self._probes.fetch(REACTION_BEHIND, reaction.consumer, reaction.topics)
            behind += len(rows)
            for topic, shard, position, age in rows:
                key = (reaction.consumer, topic, shard)
                if key not in self._working:
                    self._applied[key] = max(position, self._applied.get(key, 0))
                self._found(key, age)
        for model in self.read_models:
            rows = await self._probes.fetch(in_schema(READ_MODEL_BEHIND, model), model.name)
            behind += len(rows)
            for topic, shard, _, age in rows:
                self._found((model.consumer, topic, shard), age)
        for key in self._offered.held():
            self._working.want(key)
        if not behind:
            self._idle = monotonic()
        return behind

    def _found(self, key: Key, age: float) -> None:
        """Let a shard that is behind read the log, unless its topic brought something or has a moment left.

        An age below 0 says that the log's clock was set back: then no age says anything, and the log is read.
        """
        in_time = key[1] in self.carried and 0 <= age < CARRIED_WITHIN and not self._doubts(key)
        if not (in_time or self._offered.holds(key)):
            self._left = True
            if key not in self._working:
                self._working.want(key, by_log=True)

    async def _take(self, key: Key, by_log: bool) -> None:  # noqa: FBT001 -- called by Working alone
        """Let a shard take one page, and remember where it stands then."""
        one = self._consumers[key[0]]
        turn = Turn(key, self._offered, by_log, carried=key[1] in self.carried)
        try:
            if isinstance(one, ReadModel):
                applied = await apply(self._follower, one, turn)
            else:
                applied = await react(self._follower, one, turn, await self._stands(turn))
        except (FeedGap, AlreadyApplied, LeftToNewer, Unavailable, *LOST):
            raise  # nothing is wrong with what came
        except Exception as error:
            self._offered.forget(key)  # what is wrong with a record is judged by the log's own row, and that at once
            if by_log:
                raise
            self._doubted[key] = monotonic() + DOUBTED_FOR
            log.warning("feed_reads_the_log", consumer=key[0], topic=key[1], shard=key[2], why=type(error).__name__)
            self._working.want(key, by_log=True)
            return
        self._applied[key] = applied
        self._offered.drop(key, applied)
        if self._offered.holds(key, _types(one)):
            self._working.want(key)

    def _doubts(self, key: Key) -> bool:
        """Say whether a shard's topic brought something wrong a while ago."""
        return self._doubted.get(key, 0.0) > monotonic()

    async def _stands(self, turn: Turn) -> int:
        """Return where a reaction's shard stands: as it is remembered, where what came follows that."""
        applied = self._applied.pop(turn.key, None)
        if applied is None or not (turn.by_log or self._offered.chains(turn.key, applied)):
            applied = int(await self._follower.pool.fetchval(APPLIED, *turn.key))
        return applied

    def _lane_of(self, key: Key) -> tuple[str, ...] | Key:
        """Return what shards take turns by: rows of one read model share tables."""
        return (key[0],) if isinstance(self._consumers[key[0]], ReadModel) else key

    async def _pause(self) -> None:
        """Wait for the next look: sooner when work has come to an end, for there may be more of it."""
        working = set(self._working.tasks)
        left = bool(working) and self._left
        if left:
            await asyncio.wait(working, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        await pause(_AGAIN if left or self._waiting else LOOK_EVERY)

    @property
    def working(self) -> bool:
        """Whether work is going on."""
        return bool(self._working.tasks)

    async def drain(self) -> None:
        """Wait for the work that is going on."""
        await asyncio.gather(*self._working.tasks, return_exceptions=True)


def _types(one: Reaction | ReadModel) -> Collection[str]:
    """Return the types that a consumer does something about."""
    return one.applies.keys() if isinstance(one, ReadModel) else one.answers.keys()
