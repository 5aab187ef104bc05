"""The log of a running Lonewatch, as whoever may read its database finds it: what happened, and whether all is quiet.

Judges nothing; that is the checker's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

# What the log holds of a visit, or of everything.
FACTS = """
SELECT position, type, stream_id, recorded_at, record FROM log.event
WHERE ($1::text IS NULL OR visit_id = $1) ORDER BY position
"""

# What the services have before them: records not yet reacted to, and messages that are due.
BUSY = """
SELECT count(*) FROM (
    SELECT FROM log.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT FROM log.deadline d WHERE d.topic = 'lonewatch.notifications.v1' AND d.due_at <= log.now()
) waiting
"""

OUTCOMES = frozenset(f"notification.attempt_{outcome}.v1" for outcome in ("accepted", "failed", "unknown"))

IN_FLIGHT = timedelta(seconds=2)
"""How young an attempt without an outcome is for its call to count as under way: the sinks answer at once."""


@dataclass(frozen=True)
class Fact:
    """One event of the log, as whoever may read the database finds it."""

    position: int
    type: str
    stream_id: str
    recorded_at: datetime
    data: Mapping[str, Any]


@dataclass
class LiveLog:
    """A reader of one log; it connects again when its connection was lost."""

    dsn: str
    _connection: asyncpg.Connection[asyncpg.Record] | None = field(default=None, repr=False)

    async def facts(self, visit_id: str | None = None) -> list[Fact]:
        """Return what the log holds of a visit, or of everything, in order; without what nobody can read."""
        rows = await (await self._connected()).fetch(FACTS, visit_id)
        return [
            Fact(row["position"], row["type"], row["stream_id"], row["recorded_at"], data)
            for row in rows
            if (data := _data(row["record"])) is not None
        ]

    async def quiet(self) -> bool:
        """Say whether nobody is being told anything at this moment, so that the log and the sinks can be compared."""
        if await (await self._connected()).fetchval(BUSY):
            return False
        calls, ended = set[tuple[str, int]](), set[tuple[str, int]]()
        for fact in await self.facts():
            young = fact.recorded_at > datetime.now(UTC) - IN_FLIGHT
            if fact.type in OUTCOMES:
                ended.add((fact.data["message_id"], fact.data["attempt"]))
            elif young and fact.type == "notification.attempt_started.v1":
                calls.add((fact.data["message_id"], fact.data["attempt"]))
        return calls <= ended

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.dsn, ssl=False)
        return self._connection

    def close(self) -> None:
        """Hang up, whatever became of the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _data(record: bytes) -> Mapping[str, Any] | None:
    """Return the data of a record; None for one that a test has spoilt."""
    try:
        found = json.loads(record)["data"]
    except (ValueError, RecursionError, KeyError, TypeError, IndexError):
        return None
    return found if isinstance(found, dict) else None
