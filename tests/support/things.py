"""What requests are made about: two sites, a visit on its way, an escalation of it, a notification of that. Events alone; appends nothing.

All of it lies in the far future, so that nothing falls due while somebody asks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Event, stream_of
from shared.contracts.escalations import EscalationOpened, StepStarted
from shared.contracts.ladders import Outcome, Task
from shared.contracts.notifications import Message, NotificationQueued
from shared.contracts.policy import Policy
from shared.contracts.roles import OWN, PERMISSIONS, Role
from shared.contracts.spans import Timed
from shared.contracts.visits import (
    AssessmentRecorded,
    PolicyAdopted,
    SiteRegistered,
    VisitApproved,
    VisitPlanned,
    VisitStarted,
)
from shared.runtime.log import Write
from tests.support.history import GRACE, MINUTE, POLICY, SITE, policy

SUPERVISOR = "holds-supervisor"
"""Who approved the visits and is told of the escalations."""

SOUTH = "south"
"""Another site, with which nobody of the first one has anything to do."""

SITE_NAME = "Northgate House"
"""To be found in no refusal."""

ASSESSMENT = "assessment1"

LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""The end of every visit: later than any test, sooner than the assessment's."""


def everyones_policy() -> Policy:
    """Return a policy by which everybody approves who may at all: who is left out by a policy is checkin's own rule."""
    roles = tuple(Role(role) for role in sorted(PERMISSIONS["approve_visit"] - {OWN}))
    return policy().model_copy(update={"approval": policy().approval.model_copy(update={"roles": roles})})


def sites() -> list[Write]:
    """Return what makes both sites, their policy and an assessment of the first."""
    adopted = PolicyAdopted(policy_id=POLICY, policy_version=1, sha256="0" * 64, policy=everyones_policy())
    assessed = AssessmentRecorded(
        assessment_id=ASSESSMENT,
        site_id=SITE,
        outcome="acceptable",
        factors=(),
        assessed_by=(SUPERVISOR,),
        valid_until_at=LATER + timedelta(days=1),
    )
    registered = [
        SiteRegistered(site_id=site_id, name=name, policy_id=POLICY)
        for site_id, name in ((SITE, SITE_NAME), (SOUTH, "South"))
    ]
    return [
        Write(stream_of("policy", POLICY), 0, [adopted]),
        Write(stream_of("assessment", ASSESSMENT), 0, [assessed], site_id=SITE),
        *(Write(stream_of("site", site.site_id), 0, [site], site_id=site.site_id) for site in registered),
    ]


def of_visit(kind: str, subject_id: str, visit_id: str, *events: Event) -> Write:
    """Return the beginning of a stream of a visit."""
    return Write(stream_of(kind, subject_id), 0, events, visit_id=visit_id, site_id=SITE)


def visit_of(visit_id: str, worker_id: str) -> tuple[Event, ...]:
    """Return how a visit is planned, approved and started."""
    planned = VisitPlanned(
        visit_id=visit_id,
        site_id=SITE,
        worker_id=worker_id,
        kind="home_visit",
        starts_at=LATER - timedelta(hours=1),
        expected_end_at=LATER,
        interval=30 * MINUTE,
        grace=GRACE,
        remind_before=5 * MINUTE,
        policy_id=POLICY,
        policy_version=1,
        assessment_id=ASSESSMENT,
    )
    approved = VisitApproved(visit_id=visit_id, assessment_id=ASSESSMENT, by=SUPERVISOR)
    return planned, approved, VisitStarted(visit_id=visit_id, dynamic_assessment={}, due_at=LATER)


def opened_for(visit_id: str, worker_id: str) -> EscalationOpened:
    """Return that a worker called for help on a visit."""
    return EscalationOpened(
        escalation_id=f"{visit_id}.1",
        episode=1,
        visit_id=visit_id,
        worker_id=worker_id,
        site_id=SITE,
        trigger="help",
        trigger_event_id="trigger1",
        due_at=None,
        policy_id=POLICY,
        policy_version=1,
        ladder=everyones_policy().ladder_for("help"),
        ladder_no=1,
    )


def step_of(opened: EscalationOpened) -> StepStarted:
    """Return the first step of an escalation, which tells the supervisor."""
    return StepStarted(
        escalation_id=opened.escalation_id,
        ladder_no=1,
        step=1,
        name="Ring the worker",
        asks=(Ask(notification_id=f"{opened.escalation_id}.1", worker_id=SUPERVISOR, roles=(Role.SUPERVISOR,)),),
        next_at=LATER,
        cites=Cites(),
    )


def tasked_for(visit_id: str, worker_id: str) -> tuple[EscalationOpened, StepStarted]:
    """Return an escalation whose first step is a task, which the supervisor is offered."""
    opened = opened_for(visit_id, worker_id)
    assert opened.ladder
    span = Timed(span=timedelta(minutes=5), cites=Cites())
    task = Task(
        who=(Role.SUPERVISOR,),
        outcomes=(Outcome(code="no_answer", says="Nobody answers", leads_to="next", cites=Cites()),),
        take_within=span,
        finish_within=span,
    )
    first = opened.ladder.steps[0].model_copy(update={"notify": (), "task": task})
    ladder = opened.ladder.model_copy(update={"steps": (first, *opened.ladder.steps[1:])})
    started = step_of(opened).model_copy(update={"task": True})
    return opened.model_copy(update={"ladder": ladder}), started


def queued_for(visit_id: str, worker_id: str) -> NotificationQueued:
    """Return that the supervisor is told of it."""
    return NotificationQueued(
        notification_id=f"{visit_id}.1.1",
        recipient_id=SUPERVISOR,
        kind="step",
        asked_by=stream_of("escalation", visit_id),
        escalation_id=f"{visit_id}.1",
        ladder_no=1,
        step=1,
        trigger="help",
        due_at=None,
        send_at=LATER,
        worker_id=worker_id,
        messages=(Message(message_id=f"{visit_id}.1.1.m", contact_point_id="m", channel="webhook"),),
    )
