"""What is known of a visit, what each event changes in it, and which deadlines it leaves.

Judges nothing: whether something may happen stands in ``visit``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.checkin.domain.commands import MarkCheckInMissed, Occasion, RemindWorker
from shared.contracts.base import Event
from shared.contracts.visits import (
    CheckInMissed,
    CheckInRecorded,
    ReminderDue,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitStarted,
    WatchResumed,
)
from shared.decider import Deadline

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
            return replace(visit, status="approved", decided_by=event.by)
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
            extended = replace(visit, expected_end_at=event.expected_end_at)
            return extended if event.due_at is None else _armed(extended, event.due_at)
        case ReminderDue():
            return replace(visit, reminded=(*visit.reminded, event.occasion), reminders=visit.reminders + 1)
        case CheckInMissed():
            return replace(visit, missed=True)
        case WatchResumed():
            return replace(_armed(visit, event.due_at), missed=False, resumed=(*visit.resumed, event.escalation_id))
        case VisitEnded():
            return replace(visit, status="ended", due_at=None, reminded=(), end_reason=event.reason)
        case _:
            return visit


def _armed(visit: Visit, due_at: datetime) -> Visit:
    """Await the next check-in at ``due_at``; who was reminded of that very instant is not reminded again."""
    return replace(visit, due_at=due_at, reminded=visit.reminded if due_at == visit.due_at else ())


def deadlines(visit: Visit) -> list[Deadline]:
    """Return what falls due: the missed check-in, and the reminders not yet given. None from *missed* until resumed.

    Whoever was told that the check-in is due needs no reminder before it any more.
    Where the interval is no longer than ``remind_before``, the earlier reminder would come with the check-in before it
    and is left out. Where the expected end is sooner than ``remind_before``, it is due at once: the worker learns that
    this check-in comes early.
    """
    plan, due_at = visit.plan, visit.due_at
    if plan is None or due_at is None or not visit.watched:
        return []
    subject = due_at.astimezone(UTC).isoformat()
    found = [Deadline("check_in_missed", subject, due_at + plan.grace)]
    if not visit.reminded and timedelta(0) < plan.remind_before < plan.interval:
        found.append(Deadline("reminder_before", subject, due_at - plan.remind_before))
    if "at" not in visit.reminded:
        found.append(Deadline("reminder_at", subject, due_at))
    return found


def command_of(deadline: Deadline, now: datetime) -> MarkCheckInMissed | RemindWorker:
    """Return the command that a deadline of a visit stands for. Raises ValueError for a kind that no visit has."""
    due_at = datetime.fromisoformat(deadline.subject)
    match deadline.kind:
        case "check_in_missed":
            return MarkCheckInMissed(due_at, now)
        case "reminder_before":
            return RemindWorker("before", due_at, now)
        case "reminder_at":
            return RemindWorker("at", due_at, now)
        case _:
            message = f"a visit has no deadline of kind {deadline.kind!r}"
            raise ValueError(message)
