"""One example of every event on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts import accounts, audits, awaited, escalations, grants, notifications, troubles, visits
from shared.contracts.roles import Role
from tests.unit.audit.answers import (
    DEADLINE_FAILED,
    accepted,
    acknowledged,
    ask,
    attempted,
    exhausted,
    lapsed,
    not_reached,
    opened,
    parked,
    queued,
    resolved,
    step_started,
    withdrawn,
)
from tests.unit.audit.examples import (
    APPROVED,
    CHECK_IN_MISSED,
    DUE,
    ENDED,
    ESCALATION,
    HEIDI,
    HELP,
    HELP_REQUESTED,
    MINUTE,
    MISSED,
    OPENED,
    PLANNED,
    POLICY,
    SECOND,
    STARTED,
    SUE,
    T0,
    VISIT,
    WALT,
    approval_overdue,
    checked_in,
    cites,
    end_overdue,
    report_overdue,
    resumed,
    sealed,
    start_overdue,
)
from tests.unit.audit.protocol import CALLED, PERSONS, SIGNALS, handed_over, passed_on, taken

if TYPE_CHECKING:
    from shared.contracts.base import Event

_MESSAGE = f"{ESCALATION}.1.m"

EVERY_EVENT: tuple[Event, ...] = (
    visits.SiteRegistered(site_id="north", name="North", policy_id="policy1"),
    visits.PolicyAdopted(policy_id="policy1", policy_version=3, sha256="0" * 64, policy=POLICY),
    visits.WorkerRegistered(worker_id=WALT, site_id="north", name=sealed("Walt")),
    visits.ContactPointsSet(worker_id=WALT, contact_points=()),
    accounts.TokenIssued(worker_id=WALT, token_id="t1"),
    accounts.TokenRevoked(worker_id=WALT, token_id="t1"),
    visits.OperatorLadderSet(ladder=MISSED),
    accounts.PasswordSet(worker_id=WALT),
    accounts.PasswordRemoved(worker_id=WALT),
    accounts.SignedIn(worker_id=WALT, session_id="s1"),
    accounts.SignedOut(worker_id=WALT, session_id="s1"),
    accounts.SignInLocked(worker_id=WALT, failures=5, until_at=DUE),
    visits.WorkerHelpRequested(worker_id=WALT, site_id="north"),
    grants.GrantGiven(site_id="north", worker_id=WALT, role=Role.WORKER),
    grants.GrantWithdrawn(site_id="north", worker_id=WALT, role=Role.WORKER),
    visits.AssessmentRecorded(
        assessment_id="a1",
        site_id="north",
        outcome="acceptable",
        factors=(),
        controls=(sealed("not alone at 12 Mill Lane"),),
        assessed_by=(SUE,),
        valid_until_at=T0,
    ),
    PLANNED,
    APPROVED,
    visits.VisitRefused(visit_id=VISIT, by=SUE, reason="too_late"),
    visits.VisitCancelled(visit_id=VISIT, reason="ill"),
    STARTED,
    checked_in(DUE, DUE + 30 * MINUTE),
    visits.LateCheckInRecorded(visit_id=VISIT, missed_due_at=DUE),
    visits.VisitExtended(visit_id=VISIT, met_due_at=DUE, expected_end_at=DUE + 60 * MINUTE, due_at=DUE + 30 * MINUTE),
    awaited.ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion="before", due_at=DUE),
    CHECK_IN_MISSED,
    HELP_REQUESTED,
    resumed(DUE + 60 * MINUTE),
    ENDED,
    approval_overdue(T0 - 30 * MINUTE),
    start_overdue(T0 + 15 * MINUTE),
    end_overdue(T0 + 120 * MINUTE, T0 + 130 * MINUTE),
    report_overdue(T0 + 180 * MINUTE),
    visits.VisitReported(visit_id=VISIT, by=WALT, went="well", note=sealed("the dog at 12 Mill Lane")),
    opened(),
    escalations.StepReachedNobody(escalation_id=ESCALATION, ladder_no=1, turn=1, next_at=DUE),
    lapsed(ask(5, SUE)),
    escalations.EscalationJoined(
        escalation_id=ESCALATION,
        trigger="help",
        trigger_event_id="help",
        due_at=None,
        ladder=HELP,
        ladder_no=2,
        policy_id="policy1",
        policy_version=1,
        asks=(ask(2, SUE),),
    ),
    step_started(1, OPENED + 10 * MINUTE, ask(1, SUE, Role.SUPERVISOR)),
    acknowledged(SUE, OPENED + 15 * MINUTE),
    escalations.AcknowledgementRanOut(
        escalation_id=ESCALATION, by=SUE, ladders=(1,), asks=(ask(2, SUE),), next_at=DUE, cites=cites("lasts")
    ),
    exhausted(1, OPENED + 25 * MINUTE, ask(3, SUE)),
    resolved(SUE, ask(4, SUE)),
    escalations.EscalationStoodDown(
        escalation_id=ESCALATION,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        by=SUE,
        reason="forgot_to_check_in",
        note=None,
        asks=(),
    ),
    queued(1, SUE),
    not_reached(1, SUE),
    attempted(1, OPENED),
    notifications.RecipientAttemptStarted(
        recipient_id=SUE, message_id=_MESSAGE, notification_ids=(f"{ESCALATION}.1",), attempt=1, channel="mail"
    ),
    accepted(1),
    notifications.AttemptFailed(
        notification_id=f"{ESCALATION}.1", message_id=_MESSAGE, attempt=1, reason="refused", retry_at=DUE
    ),
    notifications.AttemptUnknown(
        notification_id=f"{ESCALATION}.1", message_id=_MESSAGE, attempt=1, reason="no_outcome", retry_at=None
    ),
    withdrawn(1),
    notifications.ReplyReceived(
        notification_id=f"{ESCALATION}.1",
        message_id=_MESSAGE,
        recipient_id=SUE,
        escalation_id=ESCALATION,
        reply="acknowledge",
    ),
    *PERSONS,
    *SIGNALS,
    taken(SUE, OPENED + 5 * MINUTE),
    handed_over(SUE, ask(6, HEIDI)),
    passed_on("untaken", None, None, ask(7, HEIDI)),
    CALLED,
    audits.TimelineDisclosed(subject_id=VISIT, to=HEIDI, through=12),
    audits.TreeBegan(origin="lonewatch/0", key="lonewatch/0+00000000+AQ=="),
    parked(),
    troubles.RecordMended(
        parked_id="escalation.9", by=SUE, record_type="visit.check_in_missed.v1", data={"visit_id": VISIT}
    ),
    troubles.RecordReplayed(parked_id="escalation.9", by=SUE),
    troubles.RecordDiscarded(parked_id="escalation.9", by=SUE, reason="made_by_a_test"),
    DEADLINE_FAILED,
    troubles.DeadlineRecovered(service="checkin", deadline_stream_id=f"visit-{VISIT}", kind="missed", subject=""),
    troubles.ClockDiffered(service="checkin", replica="checkin-1", seconds=-2.5),
    troubles.ClockAgreed(service="checkin", replica="checkin-1"),
    troubles.OutageRecorded(service="checkin", loop="clock", from_at=T0, to_at=T0 + 20 * SECOND, overdue=2),
    troubles.SelfCheckDiffered(
        service="checkin",
        check="deadline_rows",
        place=f"visit-{VISIT}",
        expected="one row",
        found="no row",
        mended=True,
        visit_id=VISIT,
    ),
)
"""One of each type on the wire."""
