"""What the checker judges by: the log, what clients and sinks noted, and how instants are compared. No IO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.faults.checker.history import Event, Log

WITHIN = timedelta(seconds=10)
"""How late an alarm may be, and how long a visit may be without a watch: the design's bound (I4, I7, I8, I15 to I17)."""


@dataclass(frozen=True)
class Line:
    """A line of a client's journal: what was sent, and what was answered. ``status`` None: never known."""

    operation: str
    source: str
    id: str
    visit_id: str | None
    sent_at: datetime
    answered_at: datetime | None
    status: int | None
    answer: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether it was answered 2xx."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True)
class Arrival:
    """A line of a sink: a call that reached the outside, and what was made of it."""

    at: datetime
    channel: str
    message_id: str
    """The id of the call: of its one message, or of the bundle."""
    outcome: str
    notification_ids: tuple[str, ...] = ()
    """What it carried, as far as the sink saw; none where it could not see."""


@dataclass(frozen=True)
class Timing:
    """How instants are compared: with which outages, and how long a cause may be without its effect."""

    outages: tuple[tuple[datetime, datetime], ...] = ()
    """When PostgreSQL or all replicas of a service were down, or what a moved clock skipped, in the log's time."""
    clock_moved: bool = False
    settle: timedelta = WITHIN

    def latest(self, since: datetime, within: timedelta = WITHIN) -> datetime:
        """Return the last instant that is in time for what falls due at ``since``: outages are waited for."""
        bound = since + within
        for begin, end in sorted(self.outages):
            if begin <= bound and end > since:
                bound = max(bound, end + within)
        return bound

    def late(self, at: datetime, since: datetime) -> bool:
        """Say whether what happened came too late. Never where the clock was moved and nobody says by how much."""
        return (not self.clock_moved or bool(self.outages)) and at > self.latest(since)


@dataclass(frozen=True)
class Evidence:
    """All that a verdict rests on."""

    log: Log
    timing: Timing = Timing()
    journal: tuple[Line, ...] = ()
    arrivals: tuple[Arrival, ...] | None = None
    """None where nobody looked: then nothing is said about what arrived."""
    heartbeats: tuple[datetime, ...] | None = None
    """When the outside heartbeat came, in order. None where nobody looked."""

    def overdue(self, since: datetime) -> bool:
        """Say whether what fell due at ``since`` should be in the log by now."""
        return self.log.now > self.timing.latest(since)

    def unsettled(self, cause: Event) -> bool:
        """Say whether an event is so young that its effects may still come."""
        return self.log.now <= self.timing.latest(cause.recorded_at, self.timing.settle)
