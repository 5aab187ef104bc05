"""Read the log by SQL, in one snapshot. Reads the record of every event itself; judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from tests.faults.checker.history import PARKED, Applied, Command, Event, Head, Log, Row, instant
from tests.faults.checker.shapes import readable

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

# Every event, in the order of the positions.
EVENTS = "SELECT * FROM log.event ORDER BY position"

# The log's time of this moment.
NOW = "SELECT log.now()"

HEADS = "SELECT incarnation::text, position, recorded_at FROM log.head"
COMMANDS = "SELECT source, id, first_position, last_position, recorded_at FROM log.command ORDER BY source, id"
DEADLINES = "SELECT stream_id, kind, due_at FROM log.deadline"
APPLIED = "SELECT consumer, topic, shard, position FROM log.applied ORDER BY consumer, topic, shard"

FAILED = frozenset({"handler_failed"})
"""Reasons for which a record is parked that can be read: the services fold it like any other."""


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
    events, wrong = told_apart(rows)
    return Log(
        now=now,
        heads=tuple(Head(*found) for found in await connection.fetch(HEADS)),
        rows=rows,
        events=tuple(sorted(events, key=lambda event: event.position)),
        wrong=tuple(wrong),
        commands=tuple(Command(*found) for found in await connection.fetch(COMMANDS)),
        deadlines=frozenset((str(stream), str(kind), at) for stream, kind, at in await connection.fetch(DEADLINES)),
        applied=tuple(Applied(*found) for found in await connection.fetch(APPLIED)),
    )


def parsed(record: bytes) -> Mapping[str, Any] | None:
    """Return the members of a record, or None where it is no JSON object, or nested deeper than anybody can read."""
    try:
        members = json.loads(record)
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def told_apart(rows: Iterable[Row]) -> tuple[list[Event], list[Event]]:
    """Return the events that follow from records, and those that do not: unreadable here, or set aside by a service.

    What the services refuse to read, for whatever reason, changes nothing in them, so it must change nothing here.
    """
    read_rows = [(row, event_of(row.members) if row.members and readable(row.members) else None) for row in rows]
    refused = {
        int(event.data["position"])
        for _, event in read_rows
        if event is not None and event.type == PARKED and event.data.get("behind") is None
        if event.data["reason"] not in FAILED
    }
    events, wrong = list[Event](), list[Event]()
    for row, event in read_rows:
        if event is None or row.columns["position"] in refused:
            wrong.append(event_of({**row.columns, "data": {}}))
        else:
            events.append(event)
    return events, wrong


def event_of(members: Mapping[str, Any]) -> Event:
    """Return the event of a record's members, or of a row's columns with its data."""
    at = members["recorded_at"]
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
        recorded_at=instant(at) if isinstance(at, str) else at,
        data=members["data"],
    )
