"""What was expected at each moment of a visit, which rule demanded it, and which event was its end.

Check-ins, what is awaited beside them, the escalation that a trigger must open, the next step of each ladder, the end
that an acknowledgement owes, and every notification. Judges nothing: what is missed is what the log says was missed, or what is still open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.audit.domain.awaiting import Awaiting
from services.audit.domain.ledger import Expected, Ledger
from services.audit.domain.lines import Outcome
from services.audit.domain.words import clock, person, plain, span
from shared.contracts.asks import Ask
from shared.contracts.awaited import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    WatchResumed,
)
from shared.contracts.base import Cites, join_cites
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.ladders import Ladder
from shared.contracts.notifications import (
    AttemptAccepted,
    NotificationQueued,
    NotificationWithdrawn,
    NotReached,
    ReplyReceived,
)
from shared.contracts.troubles import DeadlineFailed, RecordParked, SelfCheckDiffered
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


def expectations(history: Sequence[Recorded]) -> list[Expected]:
    """Return all that was expected, in the order in which it was armed."""
    fold = _Fold()
    for recorded in history:
        fold.apply(recorded)
    return list(fold.ledger)


class _Fold:
    """One pass over a history: what is expected so far, and what must be remembered to know the rules of the rest."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._awaiting = Awaiting(self.ledger)
        self._parked: set[int] = set()
        self._worker_id: str | None = None
        self._grace = timedelta(0)
        self._cites = Cites()
        self._ladders: dict[tuple[str, int], Ladder | None] = {}
        self._stopped: defaultdict[str, set[int]] = defaultdict(set)

    def apply(self, recorded: Recorded) -> None:
        """Take in one event."""
        self._apply_visit(recorded)
        self._awaiting.apply(recorded)
        self._apply_what_did_not_come(recorded)
        self._apply_escalation(recorded)
        self._apply_notification(recorded)

    # ------------------------------------------------------------------------------------------------ the visit

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
                self._arm_escalation(recorded, "the missed check-in", missed.cites)
            case WatchResumed(due_at=due_at):
                self.ledger.end(_CHECK_IN, recorded, "withdrawn", "superseded: the watch began anew")
                self._arm_check_in(recorded, due_at, self._cites)
            case VisitEnded():
                self.ledger.end(_CHECK_IN, recorded, "withdrawn", "superseded by the end of the visit")
            case VisitHelpRequested() | WorkerHelpRequested():
                self._arm_escalation(recorded, "the call for help", Cites())
            case ReminderDue(worker_id=worker_id, reminder_id=reminder_id):
                self._arm_notification(recorded, reminder_id, worker_id, "of the reminder", self._cites)
            case _:
                pass

    def _apply_what_did_not_come(self, recorded: Recorded) -> None:
        """Expect the escalation of what was awaited and did not come, and of what we could not do for this visit."""
        match recorded.event:
            case ApprovalOverdue(cites=cites):
                self._arm_escalation(recorded, "the approval that did not come", cites)
            case StartOverdue(cites=cites):
                self._arm_escalation(recorded, "the start that did not come", cites)
            case EndOverdue(cites=cites):
                self._arm_escalation(recorded, "the end that did not come", cites)
            case ReportOverdue(cites=cites):
                self._arm_escalation(recorded, "the report that did not come", cites)
            case RecordParked(behind=None, position=position, record_type=kind, visit_id=str()):
                if position not in self._parked and not kind.startswith("trouble."):  # once, whoever met it
                    self._parked.add(position)
                    self._arm_escalation(recorded, "the record set aside", Cites(ours=True), f"parked-{position}")
            case DeadlineFailed(visit_id=str()) | SelfCheckDiffered(visit_id=str()):
                self._arm_escalation(recorded, "what Lonewatch could not do", Cites(ours=True))
            case _:
                pass

    def _arm_check_in(self, recorded: Recorded, due_at: datetime, cites: Cites) -> None:
        worker = person(self._worker_id) if self._worker_id else "the worker"
        grace = f" and {span(self._grace)} of grace" if self._grace else ""
        saying = f"{worker} was to check in by {clock(due_at, recorded.recorded_at)}{grace}"
        self.ledger.arm(
            _CHECK_IN, "check_in", saying, due_at, recorded, within=self._grace, actor=self._worker_id, cites=cites
        )

    # ------------------------------------------------------------------------------------------------ escalations

    def _arm_escalation(self, recorded: Recorded, trigger: str, cites: Cites, trigger_id: str | None = None) -> None:
        saying = f"{trigger} was to open or join an escalation at once"
        key = f"trigger/{trigger_id or recorded.envelope.event_id}"
        self.ledger.arm(key, "escalation", saying, recorded.recorded_at, recorded, cites=cites)

    def _apply_escalation(self, recorded: Recorded) -> None:
        match recorded.event:
            case (StepStarted(part=part) | EscalationExhausted(part=part)) as further if part > 1:
                self._ask(recorded, further.asks, further.cites)
            case EscalationOpened(escalation_id=escalation_id, ladder=ladder, ladder_no=number):
                self._ladders[escalation_id, number] = ladder
                self._triggered(recorded, recorded.event.trigger_event_id, "opened one", ladder)
            case EscalationJoined(escalation_id=escalation_id, ladder=ladder, ladder_no=number):
                if number is not None:
                    self._ladders[escalation_id, number] = ladder
                self._triggered(recorded, recorded.event.trigger_event_id, "joined the one open", ladder)
                self._ask(recorded, recorded.event.asks, ladder.cites if ladder else Cites())
            case StepStarted(escalation_id=escalation_id, ladder_no=number, step=step) as started:
                self._turn(recorded, escalation_id, number, f"step {step} ({started.name}) started")
                self._arm_turn(recorded, escalation_id, number, step, started.next_at)
                self._ask(recorded, started.asks, started.cites)
            case EscalationExhausted(escalation_id=escalation_id, ladder_no=number) as exhausted:
                self._turn(recorded, escalation_id, number, f"everyone was told, round {exhausted.round}")
                again = f"everyone was to be told again (round {exhausted.round + 1})"
                self._arm_next(recorded, escalation_id, number, again, exhausted.next_at, exhausted.cites)
                self._ask(recorded, exhausted.asks, exhausted.cites)
            case StepReachedNobody(escalation_id=escalation_id, ladder_no=number, next_at=next_at):
                key = f"turn/{escalation_id}/{number}"
                turn = self.ledger.end(key, recorded, "withdrawn", "brought forward: nobody could be told")
                following = "what follows was to start at once, since nobody could be told,"
                self._arm_next(recorded, escalation_id, number, following, next_at, turn.cites if turn else Cites())
            case EscalationAcknowledged() as acknowledged:
                self._acknowledged(recorded, acknowledged)
            case AcknowledgementRanOut() as ran_out:
                self._ran_out(recorded, ran_out)
            case EscalationResolved(escalation_id=escalation_id, asks=asks):
                self._ended(recorded, escalation_id, "resolved", asks)
            case EscalationStoodDown(escalation_id=escalation_id, asks=asks):
                self._ended(recorded, escalation_id, "stood down", asks)
            case EscalationLapsed(escalation_id=escalation_id, asks=asks, reason=reason):
                self._ended(recorded, escalation_id, f"lapsed, {plain(reason)},", asks)
            case _:
                pass

    def _triggered(self, recorded: Recorded, event_id: str, how: str, ladder: Ladder | None) -> None:
        cites = ladder.cites if ladder else Cites()
        self.ledger.end(f"trigger/{event_id}", recorded, "met", how, cites)

    def _turn(self, recorded: Recorded, escalation_id: str, number: int, how: str) -> None:
        self.ledger.end(f"turn/{escalation_id}/{number}", recorded, "met", how)

    def _arm_turn(self, recorded: Recorded, escalation_id: str, number: int, step: int, next_at: datetime) -> None:
        """Expect what follows a step: the next one, or, after the last, that everyone is told."""
        ladder = self._ladders.get((escalation_id, number))
        steps = ladder.steps if ladder else ()
        waited = steps[step - 1].wait_cites if step <= len(steps) else Cites()
        if step < len(steps):
            following = f"step {step + 1} ({steps[step].name}) was to start"
            cites = join_cites(waited, steps[step].cites)
        else:
            following = "no step is left, so everyone was to be told"
            cites = join_cites(waited, ladder.repeat_every.cites if ladder else Cites(ours=True))
        self._arm_next(recorded, escalation_id, number, following, next_at, cites)

    def _arm_next(
        self, recorded: Recorded, escalation_id: str, number: int, following: str, next_at: datetime, cites: Cites
    ) -> None:
        saying = f"ladder {number} of {escalation_id}: {following} at {clock(next_at, recorded.recorded_at)}"
        self.ledger.arm(f"turn/{escalation_id}/{number}", "step", saying, next_at, recorded, cites=cites)

    def _acknowledged(self, recorded: Recorded, event: EscalationAcknowledged) -> None:
        for number in event.ladders:
            how = f"stopped by the acknowledgement of {person(event.by)}"
            self.ledger.end(f"turn/{event.escalation_id}/{number}", recorded, "withdrawn", how)
        self._stopped[event.escalation_id] |= set(event.ladders)
        until = clock(event.runs_out_at, recorded.recorded_at)
        saying = f"{person(event.by)} was to bring escalation {event.escalation_id} to an end by {until}"
        key = f"end/{event.escalation_id}"
        self.ledger.end(key, recorded, "withdrawn", "acknowledged anew")
        self.ledger.arm(
            key,
            "resolution",
            saying,
            event.runs_out_at,
            recorded,
            actor=event.by,
            cites=event.cites,
            within=timedelta(0),
        )

    def _ran_out(self, recorded: Recorded, event: AcknowledgementRanOut) -> None:
        ended = self.ledger.end(f"end/{event.escalation_id}", recorded, "missed", "no end came; it ran out")
        cites = ended.cites if ended else event.cites
        for number in sorted(self._stopped.pop(event.escalation_id, ())):
            following = "it was to go on where it had stopped"
            self._arm_next(recorded, event.escalation_id, number, following, event.next_at, cites)
        self._ask(recorded, event.asks, cites)

    def _ended(self, recorded: Recorded, escalation_id: str, how: str, asks: tuple[Ask, ...]) -> None:
        self.ledger.end(f"end/{escalation_id}", recorded, "met", how)
        self.ledger.end_all(f"turn/{escalation_id}/", recorded, "withdrawn", f"not needed: {how}")
        self._ask(recorded, asks, Cites())

    # ------------------------------------------------------------------------------------------------ notifications

    def _ask(self, recorded: Recorded, asks: Iterable[Ask], cites: Cites) -> None:
        for ask in asks:
            roles = f" as {', '.join(plain(role) for role in ask.roles)}" if ask.roles else ""
            self._arm_notification(recorded, ask.notification_id, ask.worker_id, f"at once{roles}", cites)

    def _arm_notification(
        self, recorded: Recorded, notification_id: str, recipient_id: str, said: str, cites: Cites
    ) -> None:
        saying = f"{person(recipient_id)} was to be told {said} (notification {notification_id})"
        key = f"notification/{notification_id}"
        self.ledger.arm(key, "notification", saying, recorded.recorded_at, recorded, actor=recipient_id, cites=cites)

    def _apply_notification(self, recorded: Recorded) -> None:
        match recorded.event:
            case AttemptAccepted(notification_id=notification_id):
                self._notified(recorded, notification_id, "met", "a provider took it")
            case ReplyReceived(notification_id=notification_id):
                self._notified(recorded, notification_id, "met", "answered")
            case NotReached(notification_id=notification_id, reason=reason):
                self._notified(recorded, notification_id, "missed", f"not reached, {plain(reason)},")
            case NotificationWithdrawn(notification_id=notification_id, reason=reason):
                self._notified(recorded, notification_id, "withdrawn", f"withdrawn, {plain(reason)},")
            case NotificationQueued(notification_id=notification_id):
                pass  # it was expected since it was asked for
            case _:
                pass

    def _notified(self, recorded: Recorded, notification_id: str, outcome: Outcome, how: str) -> None:
        self.ledger.end(f"notification/{notification_id}", recorded, outcome, how)
