"""What may be asked of a visit. Each command carries ``now``, the log's time, and whatever else its rule rests on.

The application loads policies, assessments and roles and guards their versions; nothing here looks anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.contracts.base import Sealed
from shared.contracts.ladders import Situation
from shared.contracts.policy import Policy
from shared.contracts.roles import Role
from shared.contracts.visits import AssessmentRecorded, VisitContact

Occasion = Literal["before", "at"]
"""When a worker is reminded of a check-in: some time before it is due, and when it is."""

Outages = tuple[tuple[datetime, datetime], ...]
"""From when to when Lonewatch itself was away, as far as it is known. What fell due in one says so."""


@dataclass(frozen=True)
class PlanVisit:
    """Plan a visit under a version of a policy, which gives its interval (unless a shorter one is agreed) and grace."""

    visit_id: str
    site_id: str
    worker_id: str
    kind: str
    starts_at: datetime
    expected_end_at: datetime
    policy: Policy
    policy_version: int
    now: datetime
    interval: timedelta | None = None
    assessment_id: str | None = None
    place: Sealed | None = None
    contacts: tuple[VisitContact, ...] = ()
    equipment: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApproveVisit:
    """Approve a planned visit on the strength of an assessment. ``roles`` are those of ``by`` at the visit's site."""

    by: str
    roles: frozenset[Role]
    policy: Policy
    assessment: AssessmentRecorded | None
    assessment_version: int
    now: datetime


@dataclass(frozen=True)
class RefuseVisit:
    """Refuse a planned visit. ``roles`` are those of ``by`` at the visit's site."""

    by: str
    roles: frozenset[Role]
    policy: Policy
    reason: str
    note: Sealed | None
    now: datetime


@dataclass(frozen=True)
class CancelVisit:
    """Call a visit off before it starts."""

    reason: str
    now: datetime


@dataclass(frozen=True)
class StartVisit:
    """Start an approved visit, with the worker's answers to the policy's questions about the risk on the spot."""

    answers: Mapping[str, bool]
    policy: Policy
    assessment: AssessmentRecorded | None
    now: datetime


@dataclass(frozen=True)
class CheckIn:
    """The worker says that all is well."""

    now: datetime
    outages: Outages = ()


@dataclass(frozen=True)
class ExtendVisit:
    """The worker gives a new expected end, which also says that all is well."""

    expected_end_at: datetime
    now: datetime
    outages: Outages = ()


@dataclass(frozen=True)
class AskForHelp:
    """The worker asks for help, or somebody does for them."""

    note: Sealed | None
    now: datetime


@dataclass(frozen=True)
class ReportSituation:
    """The worker says what is the matter, or somebody does for them."""

    situation: Situation
    note: Sealed | None
    now: datetime


@dataclass(frozen=True)
class SignalDuress:
    """The worker used the duress PIN. Decided beside the command that it came with, which knows nothing of it."""

    with_command: str
    now: datetime


@dataclass(frozen=True)
class EndVisit:
    """The worker reports the end of the visit."""

    reason: str
    now: datetime
    outages: Outages = ()


@dataclass(frozen=True)
class ReportVisit:
    """The worker reports how a visit that has ended went, or somebody does for them."""

    by: str
    went: str
    note: Sealed | None
    now: datetime


@dataclass(frozen=True)
class RemindWorker:
    """From a deadline: remind the worker of the check-in that falls due at ``due_at``."""

    occasion: Occasion
    due_at: datetime
    now: datetime


@dataclass(frozen=True)
class MarkCheckInMissed:
    """From a deadline: the check-in agreed for ``due_at`` did not come, and its grace is over."""

    due_at: datetime
    now: datetime
    outages: Outages = ()


@dataclass(frozen=True)
class TellOfAwaited:
    """From a deadline: what was awaited beside check-ins has not come; remind the worker of it, or record it as overdue.

    ``kind`` is the deadline's. ``agreed_at`` is the instant that was agreed for what is awaited: another one since then
    makes this deadline moot.
    """

    kind: str
    agreed_at: datetime
    now: datetime
    outages: Outages = ()


@dataclass(frozen=True)
class ResumeWatch:
    """From an escalation that was resolved or stood down: watch over the visit again."""

    escalation_id: str
    now: datetime


VisitCommand = (
    PlanVisit
    | ApproveVisit
    | RefuseVisit
    | CancelVisit
    | StartVisit
    | CheckIn
    | ExtendVisit
    | AskForHelp
    | ReportSituation
    | SignalDuress
    | EndVisit
    | ReportVisit
    | RemindWorker
    | MarkCheckInMissed
    | TellOfAwaited
    | ResumeWatch
)
"""Everything that a visit's stream decides."""
