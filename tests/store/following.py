"""A reaction, a read model and the replicas that run them, for tests of the feed. The rows they write tell all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.contracts.accounts import TokenIssued
from shared.contracts.base import stream_of
from shared.contracts.envelope import Recorded
from shared.contracts.topics import VISITS
from shared.runtime.commands import Decided
from shared.runtime.consumers import Reaction, ReadModel
from shared.runtime.feed import Feed
from shared.runtime.log import By, Cause, Loaded, Write
from shared.runtime.telemetry import Cycles
from tests.store.appending import Writer, appends, reached_nobody

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection

CONSUMER = "notifier:sample"

# A read model as a service's migration makes it: its positions from 0, and its rows.
MAKE_READ_MODEL = """
CREATE SCHEMA sample;
CREATE TABLE sample.applied (
    read_model text, topic text, shard smallint, position bigint, PRIMARY KEY (read_model, topic, shard)
);
INSERT INTO sample.applied
    SELECT 'sample', 'lonewatch.visits.v1', shard, 0 FROM generate_series(0, 63) AS shard;
CREATE TABLE sample.seen (number serial, stream_id text, position bigint, of_stream integer);
GRANT USAGE ON SCHEMA sample TO lonewatch_notifier;
GRANT ALL ON ALL TABLES IN SCHEMA sample TO lonewatch_notifier;
GRANT ALL ON ALL SEQUENCES IN SCHEMA sample TO lonewatch_notifier;
"""
START_REACTION = "SELECT log.start_reaction('notifier:sample', 'lonewatch.visits.v1')"

# The row of one event; it counts the events of its stream so far, and so depends on their order.
SEE = """
INSERT INTO sample.seen (stream_id, position, of_stream)
SELECT $1, $2, count(*) + 1 FROM sample.seen WHERE stream_id = $1
"""

Fails = Callable[[Recorded], bool]


def never(_: Recorded) -> bool:
    """Fail for no record."""
    return False


async def see(connection: Connection, recorded: Recorded) -> None:
    """Write the row of one event."""
    await connection.execute(SEE, recorded.envelope.stream_id, recorded.position)


@dataclass
class Answers:
    """The handler of one replica: tells by a notification of each record, and remembers which it was given."""

    writer: Writer
    fails: Fails = never
    given: list[int] = field(default_factory=list)

    async def answer(self, recorded: Recorded, cause: Cause, by: By) -> None:
        """Append one event to a stream of the record's own, or fail."""
        self.given.append(recorded.position)
        if self.fails(recorded):
            raise RuntimeError(recorded.position)
        stream_id = stream_of("notification", f"{recorded.position}")

        def tell(loaded: Loaded) -> Decided:
            version = loaded[stream_id].version
            return Decided([Write(stream_id, version, [reached_nobody(str(recorded.position))])])

        await self.writer.commands.handle("tell", [stream_id], tell, by, cause)


def reaction(answer: Callable[[Recorded, Cause, By], Awaitable[None]]) -> Reaction:
    """Answer each token that was issued, and nothing else."""
    return Reaction(CONSUMER, (VISITS,), {TokenIssued.type: answer})


READ_MODEL = ReadModel("sample", "sample", (VISITS,), {TokenIssued.type: see})


@dataclass(frozen=True)
class Replica:
    """One process of notifier that follows checkin."""

    feed: Feed
    answers: Answers

    async def follow(self) -> None:
        """Look until nothing is left, or only what fails."""
        while await self.feed.look() and self.feed.working:
            await self.feed.drain()


@asynccontextmanager
async def replica(dsn: str, fails: Fails = never, read_model: ReadModel = READ_MODEL) -> AsyncIterator[Replica]:
    """Yield a process with the reaction and the read model."""
    async with appends(dsn) as writer:
        answers = Answers(writer, fails)
        cycles = Cycles(writer.pool, "one")
        yield Replica(
            Feed(writer.pool, writer.pool, writer.troubles, [reaction(answers.answer)], [read_model], cycles), answers
        )
