"""Events that every service writes of itself: what it could not do, and when it was away.

Stream ``<service>_trouble-<subject>`` in the service's own topic; the subject is the visit concerned, or else a stream,
a replica or a word of SUBJECTS. Escalation follows them all. No event holds what somebody sent: bytes stay in the log.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from shared.contracts.base import Code, Contract, Event, Id, Instant, Line

UNKNOWN_WORKER = "unknown"
"""Stands for a worker whom nothing readable names: an alarm without a name is better than none."""

Concern = Literal[
    "record_parked", "deadline_failed", "clock_differs", "system_outage", "self_check_differs", "nobody_reached"
]
"""What a trouble is about."""


class Trouble(Contract):
    """A trouble as an escalation and its messages tell it: whose, what, where, and for an outage from when to when."""

    service: Code
    concern: Concern
    place: Line | None = None
    """A stream, a record's position, a replica: for whoever goes to look."""
    from_at: Instant | None = None
    to_at: Instant | None = None


class RecordParked(Event):
    """A record that a consumer could not read or apply was set aside, and the consumer went on.

    Its bytes stand in the log at ``position``; ``sha256`` is theirs.
    """

    type: ClassVar[str] = "trouble.record_parked.v1"
    service: Code
    parked_id: Id
    """Consumer and position, as ``escalation.1042``."""
    consumer: Line
    topic: Line
    shard: int
    position: int
    record_type: str
    record_stream_id: str
    visit_id: Id | None
    site_id: Id | None
    reason: Code
    detail: str
    """Where in the record something is wrong, or which error arose where; never what stands there."""
    sha256: str
    behind: Id | None = None
    """The record of the same visit that this one waits for; None for one that is wrong itself."""


class RecordMended(Event):
    """Somebody gave the data that a parked record should have had. It counts when the record is replayed."""

    type: ClassVar[str] = "trouble.record_mended.v1"
    parked_id: Id
    by: Id
    record_type: str
    data: dict[str, Any]


class RecordReplayed(Event):
    """A parked record took effect after all."""

    type: ClassVar[str] = "trouble.record_replayed.v1"
    parked_id: Id
    by: Id


class RecordDiscarded(Event):
    """Somebody decided that a parked record is to have no effect, and why."""

    type: ClassVar[str] = "trouble.record_discarded.v1"
    parked_id: Id
    by: Id
    reason: Code


class DeadlineFailed(Event):
    """The command of a deadline failed three times. It is tried again, and somebody is told."""

    type: ClassVar[str] = "trouble.deadline_failed.v1"
    service: Code
    deadline_stream_id: str
    kind: Code
    subject: str
    due_at: Instant
    visit_id: Id | None
    site_id: Id | None
    reason: Code
    detail: str


class DeadlineRecovered(Event):
    """The command of a deadline that had failed succeeded."""

    type: ClassVar[str] = "trouble.deadline_recovered.v1"
    service: Code
    deadline_stream_id: str
    kind: Code
    subject: str


class ClockDiffered(Event):
    """A replica's own clock and the log's are more than 2 s apart. The log's goes on to decide everything."""

    type: ClassVar[str] = "trouble.clock_differed.v1"
    service: Code
    replica: Line
    seconds: float
    """The replica's clock minus the log's."""


class ClockAgreed(Event):
    """The two clocks agree again."""

    type: ClassVar[str] = "trouble.clock_agreed.v1"
    service: Code
    replica: Line


class OutageRecorded(Event):
    """No replica of a service finished its work between two instants. Stream ``<service>_trouble-outage``.

    What fell due in between says so: a worker's silence and our own are told apart.
    """

    type: ClassVar[str] = "trouble.outage_recorded.v1"
    service: Code
    loop: Code
    from_at: Instant
    to_at: Instant
    overdue: int
    """What waited for this service meanwhile: deadlines that fell due in it, and records that it follows."""


class SelfCheckDiffered(Event):
    """Two of our own accounts of one thing differ: what was expected, what was found, and whether it was put right."""

    type: ClassVar[str] = "trouble.self_check_differed.v1"
    service: Code
    check: Code
    place: str
    expected: str
    found: str
    mended: bool
    visit_id: Id | None = None
    site_id: Id | None = None


EVENTS: tuple[type[Event], ...] = (
    RecordParked,
    RecordMended,
    RecordReplayed,
    RecordDiscarded,
    DeadlineFailed,
    DeadlineRecovered,
    ClockDiffered,
    ClockAgreed,
    OutageRecorded,
    SelfCheckDiffered,
)


def trouble_stream(service: str, subject: str) -> str:
    """Return the stream of a service's troubles about one subject, as ``checkin_trouble-outage``."""
    return f"{service}_trouble-{subject}"


def is_trouble_stream(stream_id: str) -> bool:
    """Say whether a stream holds the troubles of some service."""
    return stream_id.partition("-")[0].endswith("_trouble")


OUTAGE = "outage"
"""The subject of what a service says of its own absence."""
