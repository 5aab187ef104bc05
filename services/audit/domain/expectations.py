"""What was expected at each moment of a visit, which rule demanded it, and which event was its end.

Check-ins, what is awaited beside them, the escalation that a trigger must open; and by the parts, the turns and ends of
escalations, tasks and notifications. Judges nothing: what is missed is what the log says was missed, or what is still open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from services.audit.domain.awaiting import Awaiting
from services.audit.domain.doing import Doing
from services.audit.domain.escalating import Escalating
from services.audit.domain.frozen import Ladders
from services.audit.domain.ledger import Expected, Ledger
from services.audit.domain.telling import Telling
from services.audit.domain.words import clock, person, span, trigger_words
from shared.contracts.awaited import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    WatchResumed,
)
from shared.contracts.base import Cites
from shared.contracts.envelope import Recorded
from shared.contracts.raised import raised_as
from shared.contracts.situations import (
    VisitDuressSignalled,
    VisitSituationReported,
    WorkerDuressSignalled,
    WorkerSituationReported,
)
from shared.contracts.troubles import (
    ClockDiffered,
    DeadlineFailed,
    OutageRecorded,
    RecordDiscarded,
    RecordParked,
    SelfCheckDiffered,
)
from shared.contracts.visits import (
    CheckInRecorded,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitPlanned,
    VisitStarted,
    WorkerHelpRequested,
)

_CHECK_IN = "check_in"
"""Key of the one check-in that can be open at a time."""

_BRINGS: Mapping[str, str] = MappingProxyType({"escalation": "trigger/", "notifier": "notification/"})
"""What a record is to bring about, by the consumer that would: the beginning of its keys."""


def expectations(history: Sequence[Recorded], ladders: Ladders) -> list[Expected]:
    """Return all that was expected, in the order in which it was armed; ``ladders`` are those that the history froze."""
    return list(ledger_of(history, ladders))


def ledger_of(history: Sequence[Recorded], ladders: Ladders) -> Ledger:
    """Return the book of a history: all that was expected, and what came and ended nothing."""
    fold = _Fold(ladders)
    for recorded in history:
        fold.apply(recorded)
    return fold.ledger


class _Fold:
    """One pass over a history: what is expected so far, and what must be remembered to know the rules of the rest."""

    def __init__(self, ladders: Ladders) -> None:
        self.ledger = Ledger()
        self._awaiting = Awaiting(self.ledger)
        self._telling = Telling(self.ledger)
        self._escalating = Escalating(self.ledger, self._telling, ladders)
        self._doing = Doing(self.ledger, ladders)
        self._troubles: set[str] = set()
        """What troubles raise as: one, whichever services tell of it."""
        self._set_aside: dict[str, RecordParked] = {}
        self._worker_id: str | None = None
        self._grace = timedelta(0)
        self._cites = Cites()

    def apply(self, recorded: Recorded) -> None:
        """Take in one event."""
        self._apply_visit(recorded)
        self._awaiting.apply(recorded)
        self._apply_signal(recorded)
        self._apply_what_did_not_come(recorded)
        self._escalating.apply(recorded)
        self._doing.apply(recorded)
        self._telling.apply(recorded)

    def _apply_visit(self, recorded: Recorded) -> None:
        match recorded.event:
            case VisitPlanned(worker_id=worker_id, grace=grace, cites=cites):
                self._worker_id, self._grace, self._cites = worker_id, grace, cites
            case VisitStarted(due_at=due_at, cites=cites):
                self._arm_check_in(recorded, due_at, self._cites if self._cites != Cites() else cites)
            case CheckInRecorded(due_at=due_at):
                self.ledger.end(_CHECK_IN, recorded, "met", "checked in")
                self._arm_check_in(recorded, due_at, self._cites)
            case VisitExtended(met_due_at=met, due_at=due_at) if met is not None and due_at is not None:
                self.ledger.end(_CHECK_IN, recorded, "met", "met by the extension")
                self._arm_check_in(recorded, due_at, self._cites)
            case CheckInMissed(cites=cites) as missed:
                self.ledger.end(_CHECK_IN, recorded, "missed", "none came; recorded as missed", cites)
                self._escalating.expect(recorded, "the missed check-in", missed.cites)
            case WatchResumed(due_at=due_at):
                self.ledger.end(_CHECK_IN, recorded, "withdrawn", "superseded: the watch began anew")
                self._arm_check_in(recorded, due_at, self._cites)
            case VisitEnded():
                self.ledger.end(_CHECK_IN, recorded, "withdrawn", "superseded by the end of the visit")
            case ReminderDue(worker_id=worker_id, reminder_id=reminder_id):
                self._telling.expect(recorded, reminder_id, worker_id, "of the reminder", self._cites)
            case _:
                pass

    def _apply_signal(self, recorded: Recorded) -> None:
        """Expect the escalation of what somebody signals: nothing may keep it back."""
        match recorded.event:
            case VisitHelpRequested() | WorkerHelpRequested():
                self._escalating.expect(recorded, "the call for help", Cites())
            case VisitDuressSignalled() | WorkerDuressSignalled():
                self._escalating.expect(recorded, "the duress that was signalled", Cites())
            case VisitSituationReported(situation=situation) | WorkerSituationReported(situation=situation):
                self._escalating.expect(recorded, f"the report of {trigger_words(situation)}", Cites())
            case _:
                pass

    def _apply_what_did_not_come(self, recorded: Recorded) -> None:
        """Expect the escalation of what was awaited and did not come, and of what we could not do for this visit."""
        match recorded.event:
            case ApprovalOverdue(cites=cites):
                self._escalating.expect(recorded, "the approval that did not come", cites)
            case StartOverdue(cites=cites):
                self._escalating.expect(recorded, "the start that did not come", cites)
            case EndOverdue(cites=cites):
                self._escalating.expect(recorded, "the end that did not come", cites)
            case ReportOverdue(cites=cites):
                self._escalating.expect(recorded, "the report that did not come", cites)
            case RecordParked() as parked:
                self._set_aside[parked.parked_id] = parked
                self._expect_trouble(recorded, "the record set aside")
            case RecordDiscarded(parked_id=parked_id) if parked_id in self._set_aside:
                self._discarded(recorded, self._set_aside[parked_id])
            case DeadlineFailed() | SelfCheckDiffered() | ClockDiffered() | OutageRecorded():
                self._expect_trouble(recorded, "what Lonewatch could not do")
            case _:
                pass

    def _expect_trouble(self, recorded: Recorded, trigger: str) -> None:
        """Expect the escalation of a trouble, once, whoever tells of it."""
        once = raised_as(recorded.event, recorded.envelope.event_id)
        if once is not None and once not in self._troubles:
            self._troubles.add(once)
            self._escalating.expect(recorded, trigger, Cites(ours=True), once)

    def _discarded(self, recorded: Recorded, parked: RecordParked) -> None:
        """Expect no more what a record was to bring about: somebody decided that it has no effect."""
        brings = _BRINGS.get(parked.consumer)
        if brings is not None:
            self.ledger.end_armed_at(brings, parked.position, recorded, "not wanted: its record was discarded")

    def _arm_check_in(self, recorded: Recorded, due_at: datetime, cites: Cites) -> None:
        worker = person(self._worker_id) if self._worker_id else "the worker"
        grace = f" and {span(self._grace)} of grace" if self._grace else ""
        saying = f"{worker} was to check in by {clock(due_at, recorded.recorded_at)}{grace}"
        self.ledger.arm(
            _CHECK_IN, "check_in", saying, due_at, recorded, within=self._grace, actor=self._worker_id, cites=cites
        )
