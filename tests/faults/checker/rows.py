"""Read the log by SQL, in one snapshot. Reads the record of every event itself; judges nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from tests.faults.checker.history import Command, Event, Head, Log, Row, instant

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

# Every event, in the order of the positions.
EVENTS = "SELECT * FROM log.event ORDER BY position"

# The log's time of this moment.
NOW = "SELECT log.now()"

HEADS = "SELECT incarnation::text, position, recorded_at FROM log.head"
COMMANDS = "SELECT source, id, first_position, last_position, recorded_at FROM log.command ORDER BY source, id"
DEADLINES = "SELECT stream_id, kind, due_at FROM log.deadline"


async def read_log(dsn: str) -> Log:
    """Connect as any role that may read, and read everything in one snapshot."""
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await read(connection)
    finally:
        await connection.close()


async def read(connection: Connection) -> Log:
    """Read everything; in one snapshot where the caller's transaction is one. Its time is that of the first look."""
    now = await connection.fetchval(NOW)
    rows = tuple(Row(dict(found), parsed(found["record"])) for found in await connection.fetch(EVENTS))
    events = [event for row in rows if (event := event_of(row)) is not None]
    return Log(
        now=now,
        heads=tuple(Head(*found) for found in await connection.fetch(HEADS)),
        rows=rows,
        events=tuple(sorted(events, key=lambda event: event.position)),
        commands=tuple(Command(*found) for found in await connection.fetch(COMMANDS)),
        deadlines=frozenset((str(stream), str(kind), at) for stream, kind, at in await connection.fetch(DEADLINES)),
    )


def parsed(record: bytes) -> Mapping[str, Any] | None:
    """Return the members of a record, or None where it is no JSON object."""
    try:
        members = json.loads(record)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None


def event_of(row: Row) -> Event | None:
    """Return the event of a record, or None where it has no envelope."""
    members = row.members
    if members is None:
        return None
    try:
        return Event(
            position=int(members["position"]),
            type=members["type"],
            stream_id=members["stream_id"],
            version=members["version"],
            visit_id=members["visit_id"],
            event_id=members["event_id"],
            correlation_id=members["correlation_id"],
            causation_id=members["causation_id"],
            actor=members["actor"],
            recorded_at=instant(members["recorded_at"]),
            data=members["data"],
        )
    except (KeyError, TypeError, ValueError):
        return None
