"""A visit that awaits more than check-ins, at each stage, and what its deadlines ask. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.checkin.domain import (
    CancelVisit,
    Outages,
    ReportVisit,
    command_of,
)
from shared.contracts.visits import (
    VisitCancelled,
    VisitEnded,
    VisitRefused,
    VisitReported,
)
from tests.unit.checkin.examples import (
    APPROVED,
    AWAITS,
    END,
    HOUR,
    MINUTE,
    PLANNED,
    STARTED,
    SUPERVISOR_ID,
    T0,
    WORKER_ID,
    cites,
)

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.base import Event
    from tests.support.given import Given

AWAITING = PLANNED.model_copy(update={"awaits": AWAITS, "approval_due_at": T0 - 30 * MINUTE})
APPROVED_FOR_T0 = APPROVED.model_copy(update={"start_awaited_at": T0})
BEGUN: tuple[Event, ...] = (AWAITING, APPROVED_FOR_T0, STARTED)
LEFT = T0 + 40 * MINUTE
HOME = VisitEnded(visit_id="visit1", reason="completed", remind_report_at=LEFT + HOUR, report_due_at=LEFT + 4 * HOUR)
REPORT = ReportVisit(by=WORKER_ID, went="well", note=None, now=LEFT + MINUTE)
REPORTED = VisitReported(visit_id="visit1", by=WORKER_ID, went="well", cites=cites("9.4"))
CANCEL = CancelVisit("called_off", now=T0)
REFUSED = VisitRefused(visit_id="visit1", by=SUPERVISOR_ID, reason="not_alone")
CANCELLED = VisitCancelled(visit_id="visit1", reason="called_off")

KINDS = {
    "approval_overdue": (AWAITING,),
    "start_overdue": (AWAITING, APPROVED_FOR_T0),
    "end_overdue": BEGUN,
    "report_overdue": (*BEGUN, HOME),
}
"""Each thing that others are told of, and a history in which it is awaited."""

DUES = {
    "approval_overdue": T0 - 30 * MINUTE,
    "start_overdue": T0 + 15 * MINUTE,
    "end_overdue": END + 30 * MINUTE,
    "report_overdue": LEFT + 4 * HOUR,
}


def asked(visit: Given[Any, Any, Any], kind: str, now: datetime, outages: Outages = ()) -> list[Event]:
    """Return what comes of a deadline that the visit has now, as the clock proposes it."""
    [deadline] = [found for found in visit.deadlines if found.kind == kind]
    return visit.when(command_of(deadline, now, outages))


def kinds(visit: Given[Any, Any, Any]) -> set[str]:
    """Return the kinds of the deadlines that are not of check-ins."""
    return {deadline.kind for deadline in visit.deadlines} - {"check_in_missed", "reminder_before", "reminder_at"}
