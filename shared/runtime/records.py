"""Compose the records of a command: checked and written as bytes once, and never serialised again.

No connection and no clock: the same command gives the same rows, but for the ids and salts of its events.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from shared.contracts.topics import shard_of, topic_of
from shared.runtime.ids import new_id, new_salt
from shared.runtime.log import Append, Cause, Outside, Write

if TYPE_CHECKING:
    from shared.contracts.base import Event

LARGEST_EVENT = 256 * 1024
"""Bytes of one event: well above a long policy, well below what would hold up a batch."""

MOST_EVENTS = 500
"""Events of one command: it is one unit, and goes into one call."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON writes it; not a backslash, written as two, and then the letters u0000."""


class Malformed(ValueError):  # noqa: N818 -- names what the command is
    """A command cannot be stored: too large, or characters that PostgreSQL does not store. Nothing was sent."""


class Composed(NamedTuple):
    """A command as it goes over the wire: rows for each argument of ``log.append``, without the command's number."""

    command: dict[str, Any]
    guards: list[dict[str, Any]]
    writes: list[dict[str, Any]]
    events: list[dict[str, Any]]
    bodies: list[bytes]
    deadlines: list[dict[str, Any]]


def instant(at: datetime) -> str:
    """Write an instant as everywhere on the wire: UTC, microseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def compose(append: Append, release: str) -> Composed:
    """Check a command and compose its records. Raises Malformed, naming what is wrong and never its content."""
    try:
        composed = _compose(append, release)
        rows = orjson.dumps([composed.command, composed.guards, composed.writes, composed.events, composed.deadlines])
    except Malformed:
        raise
    except (TypeError, ValueError, OverflowError):  # orjson's and pydantic's own are among them
        message = "a text has characters that are not valid Unicode, or a value cannot be written as JSON; correct it"
        raise Malformed(message) from None
    if any(_NUL.search(text) for text in (rows, *composed.bodies) if b"\\u0000" in text):
        message = "a text has a NUL character, which cannot be stored; remove it"
        raise Malformed(message)
    return composed


def _compose(append: Append, release: str) -> Composed:
    events: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    for write in append.writes:
        for number, event in enumerate(write.events, write.expected_version + 1):
            columns, body = _compose_event(write, number, event, append, release)
            events.append(columns)
            bodies.append(body)
    if len(events) > MOST_EVENTS:
        message = f"{len(events)} events in one command; at most {MOST_EVENTS}"
        raise Malformed(message)
    return Composed(
        command=_compose_origin(append),
        guards=[{"stream_id": stream_id, "version": version} for stream_id, version in append.guards.items()],
        writes=[{"stream_id": write.stream_id, "version": write.expected_version} for write in append.writes],
        events=events,
        bodies=bodies,
        deadlines=[
            {"stream_id": write.stream_id, "kind": due.kind, "subject": due.subject, "due_at": instant(due.due_at)}
            for write in append.writes
            for due in write.deadlines
        ],
    )


def _compose_event(
    write: Write, version: int, event: Event, append: Append, release: str
) -> tuple[dict[str, Any], bytes]:
    at = append.by.occurred_at or append.decided_at
    if at is None:
        message = f"{event.type} was decided at no time"
        raise Malformed(message)
    columns: dict[str, Any] = {
        "stream_id": write.stream_id,
        "version": version,
        "type": event.type,
        "visit_id": write.visit_id,
        "site_id": write.site_id,
        "event_id": new_id(),
        "correlation_id": append.by.correlation_id,
        "causation_id": append.by.causation_id,
        "actor": append.by.actor,
        "release": release,
        "occurred_at": instant(at),
    }
    members = {
        **columns,
        "topic": topic_of(write.stream_id),
        "shard": shard_of(write.visit_id or write.stream_id),
        "data": event.model_dump(mode="json"),
        "salt": new_salt(),
    }
    body = orjson.dumps(members)[1:]
    if len(body) > LARGEST_EVENT:
        message = f"{event.type} has {len(body)} bytes; at most {LARGEST_EVENT}: send less"
        raise Malformed(message)
    return columns, body


def _compose_origin(append: Append) -> dict[str, Any]:
    match append.origin:
        case Outside(source=source, id=id_, digest=digest):
            answer = orjson.dumps(dict(append.answer)).decode()
            return {"source": source, "id": id_, "digest": digest.hex(), "answer": answer}
        case Cause() as cause:
            moves = {
                "consumer": cause.consumer,
                "topic": cause.topic,
                "shard": cause.shard,
                "after": cause.after,
                "position": cause.position,
            }
            seen = [{"position": position, "sha256": digest.hex()} for position, digest in cause.seen]
            return {**moves, "seen": seen} if seen else moves
        case None:
            return {}
