"""Events of checkin: sites, workers, policies, assessments, visits. Topic ``lonewatch.visits.v1``.

How people show who they are is in ``accounts``, how they are rung in ``persons``, who holds which role in ``grants``, what
did not come in ``awaited``, what somebody signals in ``situations``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts import accounts, awaited, grants, persons, situations
from shared.contracts.base import Cites, Code, Contract, Event, Id, Instant, Sealed, Span
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Awaits, Policy

Channel = Literal["mail", "webhook"]
"""The ways in which a person can be reached."""


class SiteRegistered(Event):
    """A site exists and follows a policy. Stream ``site-…``."""

    type: ClassVar[str] = "site.registered.v1"
    site_id: Id
    name: str
    policy_id: Id


class PolicyAdopted(Event):
    """A version of a policy is in force for visits planned from now on. Stream ``policy-…``; versions from 1."""

    type: ClassVar[str] = "policy.adopted.v1"
    policy_id: Id
    policy_version: int
    sha256: str
    """Of the policy's canonical JSON."""
    policy: Policy


class OperatorLadderSet(Event):
    """Who is told when something is wrong with Lonewatch itself. Stream ``policy-operator``."""

    type: ClassVar[str] = "operator.ladder_set.v1"
    ladder: Ladder


class WorkerRegistered(Event):
    """A person is known: whoever works, watches or is reached. Stream ``worker-…``."""

    type: ClassVar[str] = "worker.registered.v1"
    worker_id: Id
    site_id: Id
    name: Sealed


class ContactPoint(Contract):
    """One way to reach a person: a mail address, or a webhook with the secret that signs what is sent there."""

    contact_point_id: Id
    channel: Channel
    address: Sealed
    secret: Sealed | None = None


class ContactPointsSet(Event):
    """How a person is reached from now on: the whole list."""

    type: ClassVar[str] = "worker.contact_points_set.v1"
    worker_id: Id
    contact_points: tuple[ContactPoint, ...]


class WorkerHelpRequested(Event):
    """A worker asked for help without a visit."""

    type: ClassVar[str] = "worker.help_requested.v1"
    worker_id: Id
    site_id: Id
    note: Sealed | None = None


class AssessmentRecorded(Event):
    """The risk of lone work in a setting was assessed. Stream ``assessment-…``; a later one replaces the earlier."""

    type: ClassVar[str] = "assessment.recorded.v1"
    assessment_id: Id
    site_id: Id
    outcome: Literal["acceptable", "cannot_be_managed"]
    factors: tuple[Code, ...]
    """The factors that it speaks to."""
    controls: tuple[Sealed, ...] = ()
    """What is done against the risk: free text, which may name people."""
    assessed_by: tuple[Id, ...]
    valid_until_at: Instant
    notes: Sealed | None = None


class VisitContact(Contract):
    """Somebody whom the visit's plan names: the home visited, the venue."""

    contact_id: Id
    relation: Code
    name: Sealed
    phone: Sealed


class WatchCites(Contract):
    """Where each rule of the watch comes from, apart: so that one sees of every check-in which part is ours."""

    check_ins: Cites = Cites()
    interval: Cites = Cites()
    grace: Cites = Cites()
    remind_before: Cites = Cites()


class VisitPlanned(Event):
    """A visit is planned under one version of a policy. Stream ``visit-…``."""

    type: ClassVar[str] = "visit.planned.v1"
    visit_id: Id
    site_id: Id
    worker_id: Id
    kind: Code
    starts_at: Instant
    expected_end_at: Instant
    interval: Span
    grace: Span
    remind_before: Span
    policy_id: Id
    policy_version: int
    assessment_id: Id | None = None
    place: Sealed | None = None
    contacts: tuple[VisitContact, ...] = ()
    cites: Cites = Cites()
    watch_cites: WatchCites = WatchCites()
    """The same, rule by rule: what the later events of the visit cite."""
    awaits: Awaits = Awaits()
    """What is awaited beside check-ins, as the policy had it."""
    approval_due_at: Instant | None = None
    """Without a decision by then, somebody is told."""
    unsafe_ends: tuple[Code, ...] = ("unsafe",)
    """Reasons for its end that tell somebody, as the policy had them."""
    equipment: tuple[Code, ...] = ()
    """What the worker carries, as ``personal_alarm``."""


class VisitApproved(Event):
    """Somebody whom the policy names approved the visit, on the strength of an assessment."""

    type: ClassVar[str] = "visit.approved.v1"
    visit_id: Id
    assessment_id: Id
    assessment_version: int = 0
    """The version of the assessment's stream that the approver saw; 0 where nobody noted it."""
    by: Id
    start_awaited_at: Instant | None = None
    """From when the start is awaited: the planned start, or the approval where that came later. None: it is not awaited."""
    cites: Cites = Cites()


class VisitRefused(Event):
    """The visit was refused and will not take place."""

    type: ClassVar[str] = "visit.refused.v1"
    visit_id: Id
    by: Id
    reason: Code
    note: Sealed | None = None
    cites: Cites = Cites()


class VisitCancelled(Event):
    """The visit was called off before it started."""

    type: ClassVar[str] = "visit.cancelled.v1"
    visit_id: Id
    reason: Code


class VisitStarted(Event):
    """The worker started, having looked at the risk on the spot; the first check-in falls due at ``due_at``."""

    type: ClassVar[str] = "visit.started.v1"
    visit_id: Id
    dynamic_assessment: dict[Code, bool]
    due_at: Instant
    cites: Cites = Cites()


class CheckInRecorded(Event):
    """A check-in came in time; the next one falls due at ``due_at``."""

    type: ClassVar[str] = "visit.check_in_recorded.v1"
    visit_id: Id
    met_due_at: Instant
    """The agreed time that this check-in met."""
    due_at: Instant
    cites: Cites = Cites()


class LateCheckInRecorded(Event):
    """A check-in came after it had been missed. It closes nothing: a person may be forced to send it."""

    type: ClassVar[str] = "visit.late_check_in_recorded.v1"
    visit_id: Id
    missed_due_at: Instant
    cites: Cites = Cites()


class VisitExtended(Event):
    """The worker gave a new expected end; it counts as a check-in."""

    type: ClassVar[str] = "visit.extended.v1"
    visit_id: Id
    met_due_at: Instant | None
    """The agreed time that this met; None where the check-in had been missed before (then nothing is rearmed)."""
    expected_end_at: Instant
    due_at: Instant | None
    cites: Cites = Cites()


class VisitHelpRequested(Event):
    """The worker asked for help, or somebody did for them. Accepted in every state of a visit."""

    type: ClassVar[str] = "visit.help_requested.v1"
    visit_id: Id
    worker_id: Id
    site_id: Id
    policy_id: Id
    policy_version: int
    note: Sealed | None = None


class VisitReported(Event):
    """The worker reported how the visit went. What they wrote is sealed."""

    type: ClassVar[str] = "visit.reported.v1"
    visit_id: Id
    by: Id
    went: Code
    """``well``, or what it was instead."""
    note: Sealed | None = None
    cites: Cites = Cites()


class VisitEnded(Event):
    """The worker reported the end of the visit."""

    type: ClassVar[str] = "visit.ended.v1"
    visit_id: Id
    reason: Code
    """``completed``, or why it ended early."""
    remind_report_at: Instant | None = None
    report_due_at: Instant | None = None
    """Without a report by then, somebody is told; None where the policy awaits none."""


EVENTS: tuple[type[Event], ...] = (
    SiteRegistered,
    PolicyAdopted,
    OperatorLadderSet,
    WorkerRegistered,
    ContactPointsSet,
    *accounts.EVENTS,
    *persons.EVENTS,
    WorkerHelpRequested,
    *grants.EVENTS,
    AssessmentRecorded,
    VisitPlanned,
    VisitApproved,
    VisitRefused,
    VisitCancelled,
    VisitStarted,
    CheckInRecorded,
    LateCheckInRecorded,
    VisitExtended,
    VisitHelpRequested,
    VisitEnded,
    VisitReported,
    *situations.EVENTS,
    *awaited.EVENTS,
)
