"""What was awaited of a visit beside check-ins: a decision about it, its start, its end, the worker's report.

Judges nothing: it is overdue where the log says so, and met where it came.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.audit.domain.ledger import Ledger
from services.audit.domain.words import clock, person
from shared.contracts.awaited import ApprovalOverdue, EndOverdue, ReportOverdue, StartOverdue
from shared.contracts.base import Cites
from shared.contracts.envelope import Recorded
from shared.contracts.visits import (
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitReported,
    VisitStarted,
)

APPROVAL, START, END, REPORT = "approval", "start", "end", "report"
"""Keys of the four, each of which can be open once at a time; and what each of them is called in a line."""


class Awaiting:
    """One pass over a visit: what of it is awaited so far, as its plan had it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._plan: VisitPlanned | None = None

    def apply(self, recorded: Recorded) -> None:
        """Take in one event: what came first, and then what is awaited from here."""
        if isinstance(recorded.event, VisitPlanned):
            self._plan = recorded.event
        self._end(recorded)
        if self._plan is not None:
            self._arm(recorded, self._plan)

    def _end(self, recorded: Recorded) -> None:
        match recorded.event:
            case VisitApproved() | VisitRefused():
                self._ledger.end(APPROVAL, recorded, "met", "decided")
            case VisitStarted():
                self._ledger.end(START, recorded, "met", "started")
            case VisitExtended():
                self._ledger.end(END, recorded, "withdrawn", "superseded by the new expected end")
            case VisitEnded():
                self._ledger.end(END, recorded, "met", "ended")
            case VisitReported():
                self._ledger.end(REPORT, recorded, "met", "reported")
            case VisitCancelled():
                for key in (APPROVAL, START):
                    self._ledger.end(key, recorded, "withdrawn", "not needed: the visit was called off")
            case ApprovalOverdue(cites=cites):
                self._ledger.end(APPROVAL, recorded, "missed", "nobody had decided; recorded as overdue", cites)
            case StartOverdue(cites=cites):
                self._ledger.end(START, recorded, "missed", "it had not started; recorded as overdue", cites)
            case EndOverdue(cites=cites):
                self._ledger.end(END, recorded, "missed", "it had not ended; recorded as overdue", cites)
            case ReportOverdue(cites=cites):
                self._ledger.end(REPORT, recorded, "missed", "none came; recorded as overdue", cites)
            case _:
                pass

    def _arm(self, recorded: Recorded, plan: VisitPlanned) -> None:
        awaits = plan.awaits
        match recorded.event:
            case VisitPlanned(approval_due_at=datetime() as by) if awaits.approval:
                self._await(recorded, APPROVAL, "the visit was to be approved or refused", by, awaits.approval.cites)
            case VisitApproved(start_awaited_at=datetime() as at) if awaits.start:
                saying = f"{person(plan.worker_id)} was to start the visit"
                self._await(recorded, START, saying, at, awaits.start.cites, awaits.start.tell_after)
            case VisitStarted() if awaits.end:
                self._await_end(recorded, plan, plan.expected_end_at)
            case VisitExtended(expected_end_at=at) if awaits.end:
                self._await_end(recorded, plan, at)
            case VisitEnded(report_due_at=datetime() as by) if awaits.report:
                saying = f"{person(plan.worker_id)} was to report how the visit went"
                self._await(recorded, REPORT, saying, by, awaits.report.cites)
            case _:
                pass

    def _await_end(self, recorded: Recorded, plan: VisitPlanned, at: datetime) -> None:
        saying = f"{person(plan.worker_id)} was to end the visit"
        awaited = plan.awaits.end
        if awaited is not None:
            self._await(recorded, END, saying, at, awaited.cites, awaited.tell_after)

    def _await(
        self,
        recorded: Recorded,
        key: str,
        saying: str,
        due_at: datetime,
        cites: Cites,
        within: timedelta = timedelta(0),
    ) -> None:
        said = f"{saying} by {clock(due_at, recorded.recorded_at)}"
        actor = None if key == APPROVAL or self._plan is None else self._plan.worker_id
        self._ledger.arm(key, key, said, due_at, recorded, within=within, actor=actor, cites=cites)
