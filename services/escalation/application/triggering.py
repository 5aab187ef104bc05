"""What checkin's events mean to an escalation: what raises one, what ends the waiting. Pure: values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.domain import subject_of
from shared.contracts.awaited import ApprovalOverdue, CheckInMissed, EndOverdue, Overdue, ReportOverdue, StartOverdue
from shared.contracts.base import Event, stream_of
from shared.contracts.ladders import AWAITED, Trigger
from shared.contracts.situations import (
    VisitDuressSignalled,
    VisitSituationReported,
    WorkerDuressSignalled,
    WorkerSituationReported,
)
from shared.contracts.troubles import Trouble
from shared.contracts.visits import (
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitRefused,
    VisitReported,
    VisitStarted,
    WorkerHelpRequested,
)

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.envelope import Recorded

_OVERDUE: dict[type[Event], Trigger] = {
    ApprovalOverdue: "approval_overdue",
    StartOverdue: "start_overdue",
    EndOverdue: "end_overdue",
    ReportOverdue: "report_overdue",
}

_DECIDED: frozenset[Trigger] = frozenset({"approval_overdue"})
_BEGUN: frozenset[Trigger] = _DECIDED | {"start_overdue"}
_GIVEN_AN_END: frozenset[Trigger] = _BEGUN | {"end_overdue"}

_CAME: dict[type[Event], tuple[str, frozenset[Trigger]]] = {
    VisitApproved: ("visit_approved", _DECIDED),
    VisitRefused: ("visit_refused", _BEGUN),
    VisitCancelled: ("visit_cancelled", _BEGUN),
    VisitStarted: ("visit_started", _BEGUN),
    VisitExtended: ("visit_extended", _GIVEN_AN_END),
    VisitEnded: ("visit_ended", _GIVEN_AN_END),
    VisitReported: ("visit_reported", AWAITED),
}
"""What came, and what nobody needs to wait for any more: a visit goes one way, so a later event answers the earlier too."""

VISIT_TRIGGERS: tuple[type[Event], ...] = (
    CheckInMissed,
    VisitHelpRequested,
    WorkerHelpRequested,
    VisitDuressSignalled,
    WorkerDuressSignalled,
    VisitSituationReported,
    WorkerSituationReported,
    *_OVERDUE,
)
"""What is said of a visit or a worker and raises."""

COMES: tuple[type[Event], ...] = tuple(_CAME)
"""What may end the waiting."""


@dataclass(frozen=True)
class Triggered:
    """A trigger, as another service recorded it."""

    trigger: Trigger
    event_id: str
    worker_id: str
    site_id: str
    visit_id: str | None = None
    due_at: datetime | None = None
    """The deadline that passed, its grace included."""
    policy_id: str | None = None
    """The policy frozen in the visit, with its version. None without a visit: then the site's is looked up."""
    policy_version: int | None = None
    late: str | None = None
    trouble: Trouble | None = None

    @property
    def stream_id(self) -> str:
        """The stream of the escalation that it opens or joins."""
        return stream_of("escalation", subject_of(self.trigger, self.visit_id, self.worker_id))


def triggered_by(recorded: Recorded) -> Triggered:
    """Return what a trigger says of a visit or a worker. Raises TypeError for an event that is none."""
    event_id = recorded.envelope.event_id
    trigger: Trigger
    match recorded.event:
        case WorkerHelpRequested() as asked:
            return Triggered("help", event_id, asked.worker_id, asked.site_id)
        case WorkerDuressSignalled() as asked:
            return Triggered("duress", event_id, asked.worker_id, asked.site_id)
        case WorkerSituationReported() as asked:
            return Triggered(asked.situation, event_id, asked.worker_id, asked.site_id)
        case VisitHelpRequested() as asked:
            trigger, due_at, late = "help", None, None
        case VisitDuressSignalled() as asked:
            trigger, due_at, late = "duress", None, None
        case VisitSituationReported() as asked:
            trigger, due_at, late = asked.situation, None, None
        case CheckInMissed() as asked:
            trigger, due_at, late = "check_in_missed", asked.missed_at, asked.late
        case Overdue() as asked:
            trigger, due_at, late = _OVERDUE[type(asked)], asked.due_at, asked.late
        case other:
            message = f"{other.type} is no trigger"
            raise TypeError(message)
    return Triggered(
        trigger,
        event_id,
        asked.worker_id,
        asked.site_id,
        asked.visit_id,
        due_at,
        asked.policy_id,
        asked.policy_version,
        late,
    )


def came_by(kind: type[Event]) -> tuple[str, frozenset[Trigger]]:
    """Return what an event of this type brings, as a reason, and what nobody waits for any more. Raises KeyError."""
    return _CAME[kind]
