"""What is known of a visit, and what each event changes in it.

Judges nothing: whether something may happen stands in ``visit``, and what falls due in ``falling_due``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from services.checkin.domain.commands import Occasion
from shared.contracts.awaited import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    Overdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    WatchResumed,
)
from shared.contracts.base import Event
from shared.contracts.visits import (
    CheckInRecorded,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitReported,
    VisitStarted,
)

Status = Literal["absent", "planned", "approved", "refused", "cancelled", "started", "ended"]
"""Where a visit stands. A missed check-in is no status: the visit goes on, and is started and missed."""


@dataclass(frozen=True)
class Visit:
    """A visit, as its events tell it."""

    status: Status = "absent"
    plan: VisitPlanned | None = None
    decided_by: str | None = None
    """Who approved or refused it."""
    answers: tuple[tuple[str, bool], ...] = ()
    """What the worker answered at the start, in the order of the codes."""
    expected_end_at: datetime | None = None
    due_at: datetime | None = None
    """The agreed time of the next check-in, or of the one that was missed; None before the start and after the end."""
    missed: bool = False
    """The check-in of ``due_at`` was missed and no escalation that ended has resumed the watch since."""
    reminded: tuple[Occasion, ...] = ()
    """The reminders of ``due_at`` that have been given."""
    reminders: int = 0
    """All reminders so far: the number in the id of the next one follows it."""
    resumed: tuple[str, ...] = ()
    """The escalations after which the watch was resumed."""
    end_reason: str | None = None
    start_awaited_at: datetime | None = None
    """From when the start of an approved visit is awaited; None where it is not."""
    remind_report_at: datetime | None = None
    report_due_at: datetime | None = None
    """Until when a report is awaited; None where none is."""
    report: VisitReported | None = None
    """The newest."""
    told: frozenset[str] = frozenset()
    """Kinds of deadline, of what is awaited beside check-ins, that took effect: each does once for what was agreed."""

    @property
    def watched(self) -> bool:
        """Whether a check-in is awaited: started, not ended, and none missed."""
        return self.status == "started" and not self.missed


def next_due(now: datetime, interval: timedelta, expected_end_at: datetime) -> datetime:
    """Return when the next check-in falls due: an interval from now, or at the expected end where that comes first."""
    latest = now + interval
    return expected_end_at if now < expected_end_at < latest else latest


def evolve(visit: Visit, event: Event) -> Visit:
    """Return the visit after an event. A call for help and a late check-in change nothing in the watch."""
    match event:
        case VisitPlanned():
            return replace(visit, status="planned", plan=event, expected_end_at=event.expected_end_at)
        case VisitApproved():
            return replace(visit, status="approved", decided_by=event.by, start_awaited_at=event.start_awaited_at)
        case VisitRefused():
            return replace(visit, status="refused", decided_by=event.by)
        case VisitCancelled():
            return replace(visit, status="cancelled")
        case VisitStarted():
            answers = tuple(sorted(event.dynamic_assessment.items()))
            return replace(_armed(visit, event.due_at), status="started", answers=answers)
        case CheckInRecorded():
            return _armed(visit, event.due_at)
        case VisitExtended():
            extended = _expected_until(visit, event.expected_end_at)
            return extended if event.due_at is None else _armed(extended, event.due_at)
        case ReminderDue():
            return _reminded(visit, event)
        case CheckInMissed():
            return replace(visit, missed=True)
        case WatchResumed():
            return replace(_armed(visit, event.due_at), missed=False, resumed=(*visit.resumed, event.escalation_id))
        case VisitEnded():
            return replace(
                visit,
                status="ended",
                due_at=None,
                reminded=(),
                end_reason=event.reason,
                remind_report_at=event.remind_report_at,
                report_due_at=event.report_due_at,
            )
        case VisitReported():
            return replace(visit, report=event)
        case Overdue():
            return replace(visit, told=visit.told | {_KIND[type(event)]})
        case _:
            return visit


_KIND: Mapping[type[Event], str] = MappingProxyType(
    {
        ApprovalOverdue: "approval_overdue",
        StartOverdue: "start_overdue",
        EndOverdue: "end_overdue",
        ReportOverdue: "report_overdue",
    }
)
"""Each event that says that something awaited has not come, and the kind of its deadline."""


def _reminded(visit: Visit, event: ReminderDue) -> Visit:
    """Note a reminder: of a check-in it holds until another one is armed, of anything else as long as that is agreed."""
    visit = replace(visit, reminders=visit.reminders + 1)
    match event.occasion:
        case "before" | "at":
            return replace(visit, reminded=(*visit.reminded, event.occasion))
        case "start" | "end" | "report":
            return replace(visit, told=visit.told | {f"reminder_{event.occasion}"})


def _expected_until(visit: Visit, end_at: datetime) -> Visit:
    """Await the end at another instant: what was told of the earlier one is told of this one again."""
    if end_at == visit.expected_end_at:
        return visit
    return replace(visit, expected_end_at=end_at, told=visit.told - {"reminder_end", "end_overdue"})


def _armed(visit: Visit, due_at: datetime) -> Visit:
    """Await the next check-in at ``due_at``; who was reminded of that very instant is not reminded again."""
    return replace(visit, due_at=due_at, reminded=visit.reminded if due_at == visit.due_at else ())
