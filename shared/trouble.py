"""Decide what a service says of its own troubles: what it says once, what settles it, and what may become of a parked record.

One stream per subject, ``<service>_trouble-<subject>``. No clock, no database: whoever observes gives what was seen.
Knows nothing of escalations: who is told follows from the events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from shared.contracts.base import Event
from shared.contracts.troubles import (
    ClockAgreed,
    ClockDiffered,
    DeadlineFailed,
    DeadlineRecovered,
    OutageRecorded,
    RecordDiscarded,
    RecordMended,
    RecordParked,
    RecordReplayed,
    SelfCheckDiffered,
)
from shared.decider import Decider, Rejected, no_deadlines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

SHORTEST_OUTAGE = timedelta(seconds=5)
"""What an outage must last beyond one that is recorded to be told again: replicas that return together saw the same one."""


FailedDeadline: TypeAlias = "tuple[str, str, str, datetime]"
"""Stream, kind, subject and instant."""


@dataclass(frozen=True)
class Parked:
    """A parked record: the fact, the data that somebody gave it, and what became of it."""

    fact: RecordParked
    data: Mapping[str, Any] | None = None
    """What it should have had, as somebody mended it."""
    settled: str | None = None
    """``replayed`` or ``discarded``; None while it waits."""


@dataclass(frozen=True)
class TroubleState:
    """Everything that one stream of troubles says."""

    parked: tuple[Parked, ...] = ()
    failing: frozenset[FailedDeadline] = frozenset()
    """Stream, kind, subject and instant of the deadlines that fail: a later instant is another deadline."""
    differing: frozenset[str] = frozenset()
    """Replicas whose clock differs."""
    outages: tuple[OutageRecorded, ...] = ()
    checks: frozenset[tuple[str, str, str, str]] = frozenset()
    """Check, place, expected and found of what differs and was not put right."""

    def find(self, parked_id: str) -> Parked | None:
        """Return a parked record, settled or not."""
        return next((parked for parked in self.parked if parked.fact.parked_id == parked_id), None)

    def waiting(self, consumer: str) -> tuple[Parked, ...]:
        """Return what is parked for a consumer and not settled, in the order of the log."""
        found = [one for one in self.parked if one.fact.consumer == consumer and one.settled is None]
        return tuple(sorted(found, key=lambda one: one.fact.position))


@dataclass(frozen=True)
class Park:
    """Set a record aside."""

    fact: RecordParked


@dataclass(frozen=True)
class Mend:
    """Give a parked record the data that it should have had."""

    parked_id: str
    by: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Replay:
    """Say that a parked record took effect."""

    parked_id: str
    by: str


@dataclass(frozen=True)
class Discard:
    """Let a parked record have no effect."""

    parked_id: str
    by: str
    reason: str


@dataclass(frozen=True)
class FailDeadline:
    """Say that the command of a deadline fails."""

    fact: DeadlineFailed


@dataclass(frozen=True)
class RecoverDeadline:
    """Say that the command of a deadline succeeded."""

    service: str
    deadline_stream_id: str
    kind: str
    subject: str


@dataclass(frozen=True)
class ClockDiffers:
    """Say that a replica's clock is ``seconds`` ahead of the log's (behind: negative)."""

    service: str
    replica: str
    seconds: float


@dataclass(frozen=True)
class ClockAgrees:
    """Say that a replica's clock agrees with the log's."""

    service: str
    replica: str


@dataclass(frozen=True)
class RecordOutage:
    """Say that no replica finished a loop between two instants, and how many deadlines fell due in it."""

    service: str
    loop: str
    from_at: datetime
    to_at: datetime
    overdue: int


@dataclass(frozen=True)
class SelfCheck:
    """Say that two accounts of one thing differ, and whether that was put right."""

    service: str
    check: str
    place: str
    expected: str
    found: str
    mended: bool
    visit_id: str | None = None
    site_id: str | None = None


Command: TypeAlias = (
    Park
    | Mend
    | Replay
    | Discard
    | FailDeadline
    | RecoverDeadline
    | ClockDiffers
    | ClockAgrees
    | RecordOutage
    | SelfCheck
)


def decide(command: Command, trouble: TroubleState) -> Sequence[Event]:
    """Return what follows from a command. Raises Rejected for a parked record that is unknown or settled otherwise."""
    match command:
        case Park(fact=fact):
            return [] if trouble.find(fact.parked_id) else [fact]
        case Mend() | Replay() | Discard():
            return _settle(command, trouble)
        case FailDeadline(fact=failed):
            return [] if _key(failed) in trouble.failing else [failed]
        case RecoverDeadline(service=service, deadline_stream_id=stream_id, kind=kind, subject=subject):
            if not any(key[:3] == (stream_id, kind, subject) for key in trouble.failing):
                return []
            return [DeadlineRecovered(service=service, deadline_stream_id=stream_id, kind=kind, subject=subject)]
        case ClockDiffers(service=service, replica=replica, seconds=seconds):
            if replica in trouble.differing:
                return []
            return [ClockDiffered(service=service, replica=replica, seconds=seconds)]
        case ClockAgrees(service=service, replica=replica):
            return [ClockAgreed(service=service, replica=replica)] if replica in trouble.differing else []
        case RecordOutage():
            return _outage(command, trouble)
        case SelfCheck():
            return _self_check(command, trouble)
        case _:
            assert_never(command)


def _settle(command: Mend | Replay | Discard, trouble: TroubleState) -> Sequence[Event]:
    """Mend, replay or discard a parked record; the same a second time is nothing."""
    parked = trouble.find(command.parked_id)
    if parked is None:
        raise Rejected("parked_unknown")
    match command:
        case Mend(data=data) if parked.settled is None:
            if parked.data == data:
                return []
            record_type = parked.fact.record_type
            return [RecordMended(parked_id=command.parked_id, by=command.by, record_type=record_type, data=dict(data))]
        case Replay() if parked.settled != "discarded":
            return [] if parked.settled else [RecordReplayed(parked_id=command.parked_id, by=command.by)]
        case Discard(reason=reason) if parked.settled != "replayed":
            settled = parked.settled is not None
            return [] if settled else [RecordDiscarded(parked_id=command.parked_id, by=command.by, reason=reason)]
    raise Rejected(f"parked_{parked.settled}")


def _outage(command: RecordOutage, trouble: TroubleState) -> Sequence[Event]:
    """Record an outage, or what of it goes well beyond those that are recorded."""
    from_at = command.from_at
    for known in sorted(trouble.outages, key=lambda outage: outage.to_at):
        if known.loop == command.loop and known.from_at < command.to_at and from_at < known.to_at:
            if command.to_at - known.to_at <= SHORTEST_OUTAGE:
                return []
            from_at = known.to_at
    return [
        OutageRecorded(
            service=command.service, loop=command.loop, from_at=from_at, to_at=command.to_at, overdue=command.overdue
        )
    ]


def _self_check(command: SelfCheck, trouble: TroubleState) -> Sequence[Event]:
    """Say a difference once, and again when it has become another one or came back after it was put right."""
    if (command.check, command.place, command.expected, command.found) in trouble.checks:
        return []
    return [
        SelfCheckDiffered(
            service=command.service,
            check=command.check,
            place=command.place,
            expected=command.expected,
            found=command.found,
            mended=command.mended,
            visit_id=command.visit_id,
            site_id=command.site_id,
        )
    ]


def evolve(trouble: TroubleState, event: Event) -> TroubleState:
    """Return the troubles after an event; what speaks of something unknown changes nothing."""
    match event:
        case RecordParked():
            return replace(trouble, parked=(*trouble.parked, Parked(event)))
        case RecordMended(parked_id=parked_id, data=data):
            return _with(trouble, parked_id, data=data)
        case RecordReplayed(parked_id=parked_id):
            return _with(trouble, parked_id, settled="replayed")
        case RecordDiscarded(parked_id=parked_id):
            return _with(trouble, parked_id, settled="discarded")
        case DeadlineFailed():
            return replace(trouble, failing=trouble.failing | {_key(event)})
        case DeadlineRecovered(deadline_stream_id=stream_id, kind=kind, subject=subject):
            left = frozenset(key for key in trouble.failing if key[:3] != (stream_id, kind, subject))
            return replace(trouble, failing=left)
        case ClockDiffered(replica=replica):
            return replace(trouble, differing=trouble.differing | {replica})
        case ClockAgreed(replica=replica):
            return replace(trouble, differing=trouble.differing - {replica})
        case OutageRecorded():
            return replace(trouble, outages=(*trouble.outages, event))
        case SelfCheckDiffered(check=check, place=place, expected=expected, found=found, mended=mended):
            others = frozenset(one for one in trouble.checks if one[:2] != (check, place))
            return replace(trouble, checks=others if mended else others | {(check, place, expected, found)})
    return trouble


def _key(failed: DeadlineFailed) -> tuple[str, str, str, datetime]:
    return (failed.deadline_stream_id, failed.kind, failed.subject, failed.due_at)


def _with(trouble: TroubleState, parked_id: str, **changed: Any) -> TroubleState:
    parked = tuple(replace(one, **changed) if one.fact.parked_id == parked_id else one for one in trouble.parked)
    return replace(trouble, parked=parked)


TROUBLE: Decider[Command, Event, TroubleState] = Decider(TroubleState(), decide, evolve, no_deadlines)
"""Decides a stream of troubles; nothing of it falls due."""
