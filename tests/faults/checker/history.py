"""The log as it was read: rows, events, ids, deadlines; and what is wrong with it. No IO."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
PARKED = "trouble.record_parked.v1"


class Violation(NamedTuple):
    """Something that must never be: which invariant, what is wrong, and where."""

    invariant: str
    sentence: str
    where: str


@dataclass(frozen=True)
class Event:
    """One event, as its record tells it; where that cannot be read, as its columns do, without data."""

    position: int
    type: str
    stream_id: str
    version: int
    visit_id: str | None
    event_id: str
    correlation_id: str
    causation_id: str | None
    actor: str
    recorded_at: datetime
    data: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Name its place for a violation."""
        return f"position {self.position} ({self.type} of {self.stream_id})"


class Row(NamedTuple):
    """A row of log.event: its columns, and the members of its record (None where it is no JSON object)."""

    columns: Mapping[str, Any]
    members: Mapping[str, Any] | None

    @property
    def where(self) -> str:
        """Name its place for a violation."""
        return f"position {self.columns['position']} ({self.columns['type']} of {self.columns['stream_id']})"


class Command(NamedTuple):
    """A row of log.command: an id from outside and what it became."""

    source: str
    id: str
    first_position: int | None
    last_position: int | None
    recorded_at: datetime


class Head(NamedTuple):
    """The row of log.head."""

    incarnation: str
    position: int
    recorded_at: datetime


class Applied(NamedTuple):
    """A row of log.applied: how far a reaction has taken effect on one shard of a topic."""

    consumer: str
    topic: str
    shard: int
    position: int


@dataclass(frozen=True)
class Log:
    """Everything that was read of the log in one snapshot; ``now`` is the log's time of that moment."""

    now: datetime
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    events: tuple[Event, ...]
    """Those that can be read, by position."""
    wrong: tuple[Event, ...]
    """Those that cannot, by their columns: nothing follows from them."""
    commands: tuple[Command, ...]
    deadlines: frozenset[tuple[str, str, datetime]]
    """Stream id, kind and due_at of each row of log.deadline."""
    applied: tuple[Applied, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Event]:
        """All events by their ids, those that cannot be read too."""
        return {event.event_id: event for event in (*self.wrong, *self.events)}

    @cached_property
    def at(self) -> Mapping[int, Event]:
        """All events by their positions, those that cannot be read too."""
        return {event.position: event for event in (*self.wrong, *self.events)}

    @cached_property
    def streams(self) -> Mapping[str, Sequence[Event]]:
        """The events of each stream, in order."""
        return grouped(self.events, lambda event: event.stream_id)

    @cached_property
    def torn(self) -> frozenset[str]:
        """Streams that hold something that cannot be read: what is folded from them may lack a piece."""
        return frozenset(event.stream_id for event in self.wrong)

    @cached_property
    def parked(self) -> Mapping[int, Sequence[Event]]:
        """What says that a record is parked, by the record's position."""
        return grouped(self.of(PARKED), lambda event: int(event.data["position"]))

    def set_aside(self, consumer: str, position: int) -> bool:
        """Say whether a reaction has parked the record at a position: then it owes no effect."""
        return any(one.data["consumer"] == consumer for one in self.parked.get(position, ()))

    def of(self, *types: str) -> list[Event]:
        """Return the events of these types, in order."""
        return [event for event in self.events if event.type in types]


def grouped(items: Iterable[T], key: Callable[[T], K]) -> defaultdict[K, list[T]]:
    """Group by a key, in order."""
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def instant(value: str) -> datetime:
    """Read an instant of the wire or of a file. Raises ValueError without a zone."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        message = f"{value} has no zone"
        raise ValueError(message)
    return at
