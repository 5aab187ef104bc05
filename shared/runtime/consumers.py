"""Who follows the log: reactions and read models, and what they share while they take one page of one shard.

A *reaction* answers each record with one command whose cause is the record, so its effect and its position are one
commit (``reacting``). A *read model* writes its rows and its position in one transaction and can be rebuilt from 0
(``applying``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from shared.contracts.envelope import Newer, Recorded
from shared.runtime.log import AlreadyApplied, By, Cause, FeedGap, NotAsRecorded, Unavailable, WrongExpectedVersion
from shared.runtime.postgres import LOST
from shared.runtime.reading import Unreadable, failed, read
from shared.runtime.rows import ByTopic
from shared.runtime.tries import Key, Tries

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.rows import Row
    from shared.runtime.troubles import Troubles

PAGE = 200
"""Records of one shard taken at a time: a shard with a backlog leaves room for the others."""

MOST_TRIES = 3
"""How often a handler may fail at a record before the record is parked: what passes by itself has passed by then."""

MOST_LOST = 5
"""How often a handler may fail as if a database were away, while each of them answers: the pauses between make 4 s."""

LEFT_TO_NEWER = 5.0
"""Seconds for which a record of a later release waits for a replica of it: no other visit may wait longer."""

_ANSWERS_WITHIN = 2.0
"""Seconds in which a database that is not away answers."""

NEVER_THE_RECORDS = (Unavailable, WrongExpectedVersion, FeedGap, AlreadyApplied, NotAsRecorded)
"""What an append answers when the log is away, somebody else was first, or a topic brought what the log does not hold:
nothing could be parked then either."""

NOT_THE_RECORDS = (*NEVER_THE_RECORDS, *LOST)
"""What a handler may raise that says nothing of its record, once: the log is away, or somebody else was first."""

React = Callable[[Recorded, Cause, By], Awaitable[None]]
Apply = Callable[["Connection", Recorded], Awaitable[None]]

# Whether a database answers at all.
ANSWERS = "SELECT 1"


class MissingRowError(RuntimeError):
    """A reaction has no applied positions: its migration was not applied. The service must not start."""


class LeftToNewer(Exception):  # noqa: N818 -- says what is done with the shard
    """The next record is of a later release, and a replica of that may take it yet."""


@dataclass(frozen=True)
class Reaction:
    """Answers records of ``topics``: of each type in ``answers`` by its handler, of any other by nothing.

    A handler appends exactly one command with the cause that it is given, empty answers included. It hands the cause on
    and looks at nothing in it: when a parked record is replayed, an id from outside stands there.
    """

    consumer: str
    topics: tuple[str, ...]
    answers: Mapping[str, React]
    urgent: frozenset[str] = frozenset()
    """Types that are never held back behind a parked record of their visit: what tells somebody or resumes a watch."""

    def waits(self, type_: str) -> bool:
        """Say whether a record of this type waits behind a parked one of its visit."""
        return type_ in self.answers and type_ not in self.urgent and not type_.startswith("trouble.")


@dataclass(frozen=True)
class ReadModel:
    """Rows that can be dropped and rebuilt: ``apply`` per type, in the transaction that moves ``schema``.applied."""

    name: str
    schema: str
    topics: tuple[str, ...]
    applies: Mapping[str, Apply]

    @property
    def consumer(self) -> str:
        """The name under which its parked records are kept."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Follower:
    """What the consumers of one process share."""

    pool: Pool
    troubles: Troubles
    tries: Tries = field(default_factory=Tries)
    others: Sequence[Pool] = ()
    """The other databases that handlers read."""

    def readable(self, key: Key, row: Row) -> Recorded | Unreadable:
        """Return what a row says, or why it cannot be read. Raises LeftToNewer while a later release may yet read it."""
        if isinstance(row, ByTopic):
            return row.recorded
        try:
            return read(row)
        except Unreadable as wrong:
            return wrong
        except Newer:
            if not self.tries.alone(key[0]):
                if self.tries.again(key, row["position"])[1] < LEFT_TO_NEWER:
                    raise LeftToNewer from None
                self.tries.waited_alone(key[0])
            return Unreadable("newer_release")

    async def judged(self, key: Key, position: int, error: Exception) -> Unreadable:
        """Return what a handler's error says of its record once it has failed often enough; raise the error before.

        What looks like a database that is away is the record's own fault where every database answers, time after time.
        """
        most = MOST_TRIES
        if isinstance(error, NOT_THE_RECORDS):
            if isinstance(error, NEVER_THE_RECORDS) or not await self._all_answer():
                raise error
            most = MOST_LOST
        if self.tries.again(key, position)[0] < self.tries.most(key, most):
            raise error
        self.tries.park(key)
        return failed(error)

    async def _all_answer(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                for pool in (self.pool, *self.others):
                    await pool.fetchval(ANSWERS)
        except (asyncpg.PostgresError, *LOST):
            return False
        return True


def in_schema(statement: str, model: ReadModel) -> str:
    """Return a statement about a read model's positions; its schema is a constant of the service."""
    return statement.replace("SCHEMA", model.schema)
