"""What a follower of several topics is driven with: records as a relay would carry them, and who answers them.

The rows that the followers write tell what was applied how often and in which order; nothing of the feed is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from shared.contracts.accounts import TokenIssued
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import Event, stream_of
from shared.contracts.carried import Carried, Place
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import StepReachedNobody
from shared.contracts.topics import AUDIT, ESCALATIONS, VISITS
from shared.contracts.visits import VisitCancelled
from shared.runtime.commands import Decided
from shared.runtime.consumers import React, Reaction, ReadModel
from shared.runtime.feed import Feed
from shared.runtime.log import By, Cause, Loaded, Write
from shared.runtime.telemetry import Cycles
from tests.store.appending import T0, Writer, appends, disclosed, fact, reached_nobody
from tests.store.following import see
from tests.support.services import Database

OWNERS = {VISITS: ("checkin", "visit"), ESCALATIONS: ("escalation", "escalation"), AUDIT: ("audit", "disclosure")}
"""Who appends to each topic, and to streams of which kind."""

FOLLOWS = {"notifier:two": (VISITS, AUDIT), "notifier:three": (VISITS, ESCALATIONS, AUDIT)}
"""The reactions, and what they follow."""

ANSWERED = (TokenIssued.type, StepReachedNobody.type, TimelineDisclosed.type)

START = """
CREATE SCHEMA sample;
CREATE TABLE sample.applied (
    read_model text, topic text, shard smallint, position bigint, PRIMARY KEY (read_model, topic, shard)
);
CREATE TABLE sample.seen (number serial, stream_id text, position bigint, of_stream integer);
GRANT USAGE ON SCHEMA sample TO lonewatch_notifier;
GRANT ALL ON ALL TABLES IN SCHEMA sample TO lonewatch_notifier;
GRANT ALL ON ALL SEQUENCES IN SCHEMA sample TO lonewatch_notifier;
"""

EMPTY = """
TRUNCATE log.event, log.command, log.applied, log.deadline, log.cycle, sample.applied, sample.seen;
UPDATE log.head SET position = 0, recorded_at = '-infinity';
UPDATE log.shift SET by = '0';
INSERT INTO sample.applied
    SELECT 'sample', topic, shard, 0 FROM log.owner, generate_series(0, 63) AS shard WHERE service <> 'notifier';
"""
# Shards of the followers that have something before them.
NOT_APPLIED = """
SELECT a.consumer, a.topic, a.shard FROM (
    SELECT consumer, topic, shard, position FROM log.applied
    UNION ALL SELECT read_model, topic, shard, position FROM sample.applied
) AS a
WHERE a.position < (SELECT max(e.position) FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard)
    AND a.topic <> 'lonewatch.notifications.v1'
"""
START_REACTION = "SELECT log.start_reaction($1, $2)"

# The log as a relay carries it: each record with the one before it on the same topic and shard.
RECORDS = """
SELECT *, lag(position, 1, 0::bigint) OVER (PARTITION BY topic, shard ORDER BY position) AS predecessor
FROM log.event ORDER BY position
"""
INCARNATION = "SELECT incarnation::text FROM log.head"


def written(topic: str, stream_id: str, number: int, *, answered: bool) -> Event:
    """Return an event that the reactions answer, or one that nobody does."""
    if not answered and topic == VISITS:
        return VisitCancelled(visit_id="v1", reason="none")
    if topic == ESCALATIONS:
        return StepReachedNobody(escalation_id="e1", ladder_no=1, turn=number, next_at=T0)
    return fact(number) if topic == VISITS else disclosed(stream_id)


@dataclass
class Follows:
    """One process of notifier: two reactions and a read model of three topics."""

    writer: Writer
    fails_from: int = 2**63
    """From which position on a handler fails: on what was made up with such a position."""
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        """Build its feed."""
        reactions = [
            Reaction(name, topics, dict.fromkeys(ANSWERED, self._answers(name))) for name, topics in FOLLOWS.items()
        ]
        model = ReadModel("sample", "sample", FOLLOWS["notifier:three"], dict.fromkeys(ANSWERED, see))
        writer = self.writer
        cycles = Cycles(writer.pool, "one")
        self.feed = Feed(writer.pool, writer.pool, writer.troubles, reactions, [model], cycles)

    def _answers(self, name: str) -> React:
        """Return what tells by an event of each record, in a stream of the record's own."""

        async def answer(recorded: Recorded, cause: Cause, by: By) -> None:
            if recorded.position >= self.fails_from:
                raise ValueError(recorded.position)
            stream_id = stream_of("notification", f"{name.partition(':')[2]}.{recorded.position}")

            def tell(loaded: Loaded) -> Decided:
                return Decided([Write(stream_id, loaded[stream_id].version, [reached_nobody(str(recorded.position))])])

            await self.writer.commands.handle("tell", [stream_id], tell, by, cause)

        return answer

    async def follow(self) -> None:
        """Let what is going on come to its end."""
        while self.feed.working:
            await self.feed.drain()


@dataclass
class Ground:
    """A log, who appends to it, and who follows."""

    admin: asyncpg.Connection[asyncpg.Record]
    writers: dict[str, Writer]
    notifier: Writer
    versions: dict[str, int] = field(default_factory=dict)

    async def empty(self) -> Follows:
        """Begin anew; return a new process that follows."""
        await self.begin()
        return Follows(self.notifier)

    async def begin(self) -> None:
        """Begin anew, with nobody who follows."""
        self.versions.clear()
        await self.admin.execute(EMPTY)
        for name, topics in FOLLOWS.items():
            for topic in topics:
                await self.admin.execute(START_REACTION, name, topic)

    async def append(self, topic: str, stream: int, *, answered: bool) -> None:
        """Append one event."""
        stream_id = f"{OWNERS[topic][1]}-{stream}"
        version = self.versions.get(stream_id, 0)
        event = written(topic, stream_id, version, answered=answered)
        await self.writers[topic].append(Write(stream_id, version, [event]))
        self.versions[stream_id] = version + 1

    async def records(self, after: int = 0) -> list[Carried]:
        """Return what a relay would carry from a position on."""
        incarnation = await self.admin.fetchval(INCARNATION)
        rows = await self.admin.fetch(RECORDS)
        return [carried(row, incarnation) for row in rows if row["position"] > after]


def carried(row: asyncpg.Record, incarnation: str) -> Carried:
    """Return a row of the log as it comes by its topic."""
    place = Place(row["position"], row["shard"], incarnation, row["predecessor"])
    return Carried(row["topic"], place, row["type"], row["event_id"], row["stream_id"], row["record"])


def in_order(positions: Sequence[int], shards: dict[int, tuple[str, int]]) -> bool:
    """Say whether positions rise within each topic and shard."""
    last: dict[tuple[str, int], int] = {}
    for position in positions:
        if position <= last.get(shards[position], 0):
            return False
        last[shards[position]] = position
    return True


@asynccontextmanager
async def ground(database: Database) -> AsyncIterator[Ground]:
    """Yield a ground with the tables of the read model."""
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(database.admin, ssl=False)
        stack.push_async_callback(admin.close)
        await admin.execute(START)
        writers = {
            topic: await stack.enter_async_context(appends(database.dsn(service), size=2))
            for topic, (service, _) in OWNERS.items()
        }
        yield Ground(admin, writers, await stack.enter_async_context(appends(database.dsn("notifier"))))
