"""Events of checkin about what is awaited during a visit: reminders, and what did not come. Topic ``lonewatch.visits.v1``."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts.base import Cites, Code, Event, Id, Instant


class ReminderDue(Event):
    """The worker is to be reminded: of a check-in before it is due and when it is, or of a start, end or report awaited."""

    type: ClassVar[str] = "visit.reminder_due.v1"
    visit_id: Id
    worker_id: Id
    reminder_id: Id
    occasion: Literal["before", "at", "start", "end", "report"]
    due_at: Instant
    cites: Cites = Cites()


class CheckInMissed(Event):
    """The agreed time and its grace passed without a check-in."""

    type: ClassVar[str] = "visit.check_in_missed.v1"
    visit_id: Id
    worker_id: Id
    site_id: Id
    due_at: Instant
    """The agreed time."""
    missed_at: Instant
    """The deadline: the agreed time and its grace."""
    detected_at: Instant
    late: Code | None = None
    """Why it is recorded later than promised, or ``system_outage`` where Lonewatch was away at some time since the worker
    was to be reminded; None where neither is so. A worker's silence and our own are told apart."""
    policy_id: Id
    policy_version: int
    cites: Cites = Cites()


class WatchResumed(Event):
    """After an escalation the watch that a missed check-in had stopped goes on: the next falls due at ``due_at``."""

    type: ClassVar[str] = "visit.watch_resumed.v1"
    visit_id: Id
    escalation_id: Id
    due_at: Instant
    cites: Cites = Cites()


class Overdue(Event):
    """What all that did not come in time has in common; the visit goes on."""

    visit_id: Id
    worker_id: Id
    site_id: Id
    due_at: Instant
    detected_at: Instant
    late: Code | None = None
    policy_id: Id
    policy_version: int
    cites: Cites = Cites()


class ApprovalOverdue(Overdue):
    """Nobody has decided about a visit, and its start is near or has passed."""

    type: ClassVar[str] = "visit.approval_overdue.v1"


class StartOverdue(Overdue):
    """An approved visit did not start at its time, and the worker was reminded where the policy says so."""

    type: ClassVar[str] = "visit.start_overdue.v1"
    starts_at: Instant


class EndOverdue(Overdue):
    """A visit goes on beyond the end that the worker gave last, whatever check-ins came."""

    type: ClassVar[str] = "visit.end_overdue.v1"
    expected_end_at: Instant


class ReportOverdue(Overdue):
    """The worker's report of a visit did not come."""

    type: ClassVar[str] = "visit.report_overdue.v1"


EVENTS: tuple[type[Event], ...] = (
    ReminderDue,
    CheckInMissed,
    WatchResumed,
    ApprovalOverdue,
    StartOverdue,
    EndOverdue,
    ReportOverdue,
)
