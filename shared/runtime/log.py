"""The log as a service sees it: load what a decision needs, append what was decided.

What goes in is checked and composed here, once; the sequencer carries it; the server decides the outcome.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from shared.contracts.envelope import Recorded, decode
from shared.contracts.topics import shard_of, topic_of
from shared.runtime.ids import new_id, new_salt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.contracts.base import Event
    from shared.decider import Deadline
    from shared.runtime.postgres import Pool

LARGEST_EVENT = 256 * 1024
"""Bytes of one event: well above a long policy, well below what would hold up a batch."""

MOST_EVENTS = 500
"""Events of one command: it is one unit, and goes into one call."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON writes it; not a backslash, written as two, and then the letters u0000."""

OutcomeName = Literal[
    "appended", "repeat", "other_content", "already_applied", "gap", "no_applied_row", "wrong_version"
]


class Malformed(ValueError):  # noqa: N818 -- names what the command is
    """A command cannot be stored: too large, or characters that PostgreSQL does not store. Nothing was sent."""


class WrongExpectedVersion(Exception):  # noqa: N818 -- the field's word
    """Someone was first: a stream written or guarded has moved on."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id


class OtherContent(Exception):  # noqa: N818 -- says what was found
    """This id is known with other content."""


class AlreadyApplied(Exception):  # noqa: N818 -- says what was found
    """The cause took effect before."""


class FeedGap(Exception):  # noqa: N818 -- says what was found
    """The cause does not follow what this consumer has applied: the feed reads again."""


class Unavailable(Exception):  # noqa: N818 -- says what the log is
    """The log cannot be reached; whether the command took effect is unknown. Ask again with the same id."""


@dataclass(frozen=True)
class Outside:
    """Where a command from outside comes from: its id there, and a keyed hash of the unsealed request."""

    source: str
    id: str
    digest: bytes


@dataclass(frozen=True)
class Cause:
    """The record that a reaction answers, and the position applied before it."""

    consumer: str
    topic: str
    shard: int
    after: int
    position: int


@dataclass(frozen=True)
class By:
    """Who does it and what it belongs to. ``occurred_at`` is a claim; without one it is the time of the decision."""

    actor: str
    correlation_id: str
    causation_id: str | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Write:
    """What one command does to one stream: events (or none), and every deadline that the stream has afterwards."""

    stream_id: str
    expected_version: int
    events: Sequence[Event]
    deadlines: Sequence[Deadline] = ()
    visit_id: str | None = None
    site_id: str | None = None


@dataclass(frozen=True)
class Append:
    """One command for the log: all or nothing."""

    writes: Sequence[Write]
    by: By
    decided_at: datetime
    guards: Mapping[str, int] = field(default_factory=dict)
    origin: Outside | Cause | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of an append. ``first`` is false for a repeat, whose answer is the first one."""

    first: bool
    first_position: int | None
    last_position: int | None
    recorded_at: datetime
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """A stream as loaded: its version (0 where it does not exist) and its history."""

    stream_id: str
    version: int
    history: tuple[Recorded, ...]

    @property
    def events(self) -> list[Event]:
        """The events alone, in order."""
        return [recorded.event for recorded in self.history]


@dataclass(frozen=True)
class Loaded:
    """What a decision needs: the log's time, the streams asked for, and a known id's outcome."""

    now: datetime
    streams: Mapping[str, Stream]
    known: Outcome | None = None

    def __getitem__(self, stream_id: str) -> Stream:
        """Return a stream that was asked for."""
        return self.streams[stream_id]


@dataclass(frozen=True)
class Composed:
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
        "occurred_at": instant(append.by.occurred_at or append.decided_at),
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
            return {
                "consumer": cause.consumer,
                "topic": cause.topic,
                "shard": cause.shard,
                "after": cause.after,
                "position": cause.position,
            }
        case None:
            return {}


# Now, the records of some streams, and a known id's outcome, in one look.
LOAD = "SELECT * FROM log.load($1, $2, $3)"


async def load(pool: Pool, stream_ids: Sequence[str], outside: Outside | None = None) -> Loaded:
    """Load streams, the log's time and, for an id from outside, its first outcome.

    Raises OtherContent for a known id with another digest, Undecodable for a record that this release cannot read.
    """
    source, id_ = (outside.source, outside.id) if outside else (None, None)
    rows = await pool.fetch(LOAD, list(stream_ids), source, id_)
    first = rows[0]
    streams = {}
    for row in rows:
        if row["stream_id"] is not None:
            history = tuple(decode(record) for record in row["records"] or ())
            streams[row["stream_id"]] = Stream(row["stream_id"], len(history), history)
    known = None
    if outside and first["known_digest"] is not None:
        if first["known_digest"] != outside.digest:
            raise OtherContent
        known = Outcome(
            first=False,
            first_position=first["known_first"],
            last_position=first["known_last"],
            recorded_at=first["known_recorded_at"],
            answer=orjson.loads(first["known_answer"]),
        )
    return Loaded(now=first["now"], streams=streams, known=known)
