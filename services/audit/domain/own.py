"""What a timeline shows to the worker whom it is about, who may read it while somebody looks over their shoulder.

What they did and agreed, what was awaited of them, and the reminders that they got. Nothing of escalations, tasks, duress,
disclosures, or of what others signalled, and no number in which any of that would leave a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.contracts import notifications
from shared.contracts.awaited import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    WatchResumed,
)
from shared.contracts.base import Event
from shared.contracts.envelope import Recorded
from shared.contracts.notifications import NotificationQueued
from shared.contracts.situations import VisitSituationReported, WorkerDuressSignalled, WorkerSituationReported
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitPlanned,
    VisitRefused,
    VisitReported,
    VisitStarted,
    WorkerHelpRequested,
    WorkerRegistered,
)

_SHOWN: tuple[type[Event], ...] = (
    VisitPlanned,
    VisitApproved,
    VisitRefused,
    VisitCancelled,
    VisitStarted,
    CheckInRecorded,
    LateCheckInRecorded,
    VisitExtended,
    ReminderDue,
    CheckInMissed,
    WatchResumed,
    VisitEnded,
    VisitReported,
    ApprovalOverdue,
    StartOverdue,
    EndOverdue,
    ReportOverdue,
)
"""What the worker sees of their visit, whoever did it. What is not named here stays away, and so does what is new."""

_SIGNALS: tuple[type[Event], ...] = (
    VisitHelpRequested,
    WorkerHelpRequested,
    VisitSituationReported,
    WorkerSituationReported,
)
"""What the worker sees where they did it themselves: what others signal may be their answer to duress."""

_OF_REMINDERS: tuple[type[Event], ...] = (
    NotificationQueued,
    notifications.NotReached,
    notifications.AttemptStarted,
    notifications.AttemptAccepted,
    notifications.AttemptFailed,
    notifications.AttemptUnknown,
    notifications.NotificationWithdrawn,
)
"""What the worker sees of a reminder to them."""

OF_NO_VISIT: tuple[type[Event], ...] = (WorkerHelpRequested, WorkerDuressSignalled, WorkerSituationReported)
"""Events of a worker's own stream that a timeline tells: what somebody signals about them without a visit."""

_OF_A_REMINDER = frozenset(
    {
        "notification_id",
        "message_id",
        "messages",
        "contact_point_id",
        "recipient_id",
        "kind",
        "occasion",
        "due_at",
        "send_at",
        "channel",
        "attempt",
        "reason",
        "unknown_at",
        "retry_at",
    }
)
"""Members of its events that the worker sees: none that speaks of escalations, or of what else a call carried."""

_NOT_OF_A_VISIT = frozenset({"escalation_id"})
"""Members of other events that the worker does not see: episodes are numbered."""


@dataclass(frozen=True)
class Unreadable:
    """A record that nobody can read: where it stands, and of which type the log says that it is."""

    position: int
    type: str


def concerned(events: Iterable[Event]) -> frozenset[str]:
    """Return whom the events of a visit name as its worker: whoever is one of these is shown their own view, no other."""
    return frozenset(who for event in events if (who := getattr(event, "worker_id", None)))


def site_of(events: Sequence[Event]) -> str | None:
    """Return the site of a visit: of its plan, or, where nobody can read that, of an escalation or a signal about it.

    Of a worker without a visit: the site that looks after them, or the one that was told of them.
    """
    first = [event.site_id for event in events if isinstance(event, VisitPlanned | WorkerRegistered)]
    others = [
        site_id
        for event in events
        if event.type.startswith(("visit.", "worker.", "escalation.opened."))
        and (site_id := getattr(event, "site_id", None))
    ]
    return next(iter((*first, *others)), None)


def own_history(
    history: Sequence[Recorded], unreadable: Sequence[Unreadable], worker_id: str
) -> tuple[tuple[Recorded, ...], tuple[int, ...]]:
    """Return what of a history its worker sees, and what of that nobody can read. Positions are counted anew from 1."""
    reminders = {
        event.notification_id
        for event in (recorded.event for recorded in history)
        if isinstance(event, NotificationQueued) and event.kind == "reminder" and event.recipient_id == worker_id
    }
    events = {recorded.position: recorded for recorded in history if _is_own(recorded, reminders, worker_id)}
    unread = {record.position for record in unreadable if _unversioned(record.type) in _TYPES}
    number = {position: count for count, position in enumerate(sorted({*events, *unread}), start=1)}
    return (
        tuple(_numbered(recorded, number[position]) for position, recorded in sorted(events.items())),
        tuple(sorted(number[position] for position in unread)),
    )


def is_shown(event: Event, member: str) -> bool:
    """Say whether the worker sees this member of an event of their own view."""
    return member in _OF_A_REMINDER if isinstance(event, _OF_REMINDERS) else member not in _NOT_OF_A_VISIT


def _is_own(recorded: Recorded, reminders: set[str], worker_id: str) -> bool:
    event = recorded.event
    if isinstance(event, _SIGNALS):
        return recorded.envelope.actor == worker_id
    if isinstance(event, _OF_REMINDERS):
        return getattr(event, "notification_id", None) in reminders
    return isinstance(event, _SHOWN)


def _numbered(recorded: Recorded, number: int) -> Recorded:
    return Recorded(recorded.envelope.model_copy(update={"position": number}), recorded.event)


def _unversioned(type_: str) -> str:
    """Return a type without its version: of a later one this release knows that much."""
    return type_.rpartition(".v")[0]


_TYPES = frozenset(_unversioned(shown.type) for shown in _SHOWN)
