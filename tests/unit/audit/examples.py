"""A visit, its ladders and its people, as the tests of audit share them; and one example of every event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.contracts import audits, escalations, notifications, troubles, visits
from shared.contracts.base import Cites, Event, Sealed
from shared.contracts.escalations import Ask
from shared.contracts.notifications import Message
from shared.contracts.policy import (
    Approval,
    Awaited,
    AwaitedApproval,
    Awaits,
    CheckIns,
    Gate,
    Ladder,
    Policy,
    Step,
    Timed,
)
from shared.contracts.roles import Role
from tests.support.history_of import Happened, happened

T0 = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DUE = T0 + 30 * MINUTE
"""The first check-in."""
DEADLINE = DUE + 5 * MINUTE
OPENED = DEADLINE + SECOND

VISIT, ESCALATION = "visit1", "visit1.1"
WALT, SUE, HEIDI = "walt", "sue", "heidi"
CLOCK = "system:checkin.clock"


def cites(*clauses: str, ours: bool = False) -> Cites:
    return Cites(clauses=clauses, ours=ours)


def sealed(text: str) -> Sealed:
    return Sealed(kid=f"key of {text}", nonce="n", ct=text)


def timed(minutes: int, clause: str) -> Timed:
    return Timed(span=minutes * MINUTE, cites=cites(clause))


def step(name: str, role: Role, minutes: int) -> Step:
    return Step(
        name=name, notify=(role,), wait=minutes * MINUTE, cites=cites(name), wait_cites=cites(f"{name} wait", ours=True)
    )


MISSED = Ladder(
    trigger="check_in_missed",
    steps=(step("supervisor first", Role.SUPERVISOR, 10), step("head next", Role.HEAD_OF_PROVISION, 10)),
    acknowledgement_lasts=timed(15, "lasts"),
    repeat_every=timed(5, "repeats"),
    cites=cites("ladder of a miss"),
)
HELP = Ladder(
    trigger="help",
    steps=(step("all hands", Role.SUPERVISOR, 2),),
    acknowledgement_lasts=timed(15, "lasts"),
    repeat_every=timed(5, "repeats"),
    cites=cites("ladder of help"),
)
POLICY = Policy(
    policy_id="policy1",
    title="Lone working",
    organisation="North",
    text="made up",
    check_ins=CheckIns(
        interval=timed(30, "interval"),
        grace=timed(5, "grace"),
        remind_before=timed(5, "remind"),
        cites=cites("regular"),
    ),
    approval=Approval(roles=(Role.SUPERVISOR,), cites=cites("approval")),
    gate=Gate(
        factors=(),
        factors_cites=cites("gate"),
        valid_for=timed(1440, "valid"),
        dynamic_questions=(),
        questions_cites=cites("gate"),
    ),
    ladders=(MISSED, HELP),
)

PLANNED = visits.VisitPlanned(
    visit_id=VISIT,
    site_id="north",
    worker_id=WALT,
    kind="home_visit",
    starts_at=T0,
    expected_end_at=T0 + 120 * MINUTE,
    interval=30 * MINUTE,
    grace=5 * MINUTE,
    remind_before=5 * MINUTE,
    policy_id="policy1",
    policy_version=3,
    place=sealed("12 Mill Lane"),
    contacts=(
        visits.VisitContact(contact_id="c1", relation="family", name=sealed("Mrs Doe"), phone=sealed("07700 900123")),
    ),
    cites=cites("regular", "interval"),
)
APPROVED = visits.VisitApproved(visit_id=VISIT, assessment_id="a1", by=SUE, cites=cites("approval"))
STARTED = visits.VisitStarted(
    visit_id=VISIT, dynamic_assessment={"phone_at_hand": True}, due_at=DUE, cites=cites("gate")
)
ENDED = visits.VisitEnded(visit_id=VISIT, reason="completed")
CHECK_IN_MISSED = visits.CheckInMissed(
    visit_id=VISIT,
    worker_id=WALT,
    site_id="north",
    due_at=DUE,
    missed_at=DEADLINE,
    detected_at=OPENED,
    policy_id="policy1",
    policy_version=3,
    cites=cites("regular", "a miss is a failure"),
)
HELP_REQUESTED = visits.VisitHelpRequested(
    visit_id=VISIT,
    worker_id=WALT,
    site_id="north",
    policy_id="policy1",
    policy_version=3,
    note=sealed("he is shouting"),
)


def begun() -> list[Happened]:
    """The visit is planned, approved and under way."""
    return [
        happened(T0 - 60 * MINUTE, PLANNED, by=SUE),
        happened(T0 - 50 * MINUTE, APPROVED, by=SUE),
        happened(T0, STARTED, by=WALT),
    ]


def checked_in(met_due_at: datetime, due_at: datetime) -> Event:
    return visits.CheckInRecorded(visit_id=VISIT, met_due_at=met_due_at, due_at=due_at)


def ask(number: int, worker_id: str, *roles: Role) -> Ask:
    return Ask(notification_id=f"{ESCALATION}.{number}", worker_id=worker_id, roles=roles)


def opened(trigger_event_id: str = "missed", ladder: Ladder | None = MISSED) -> escalations.EscalationOpened:
    by_help = ladder is not None and ladder.trigger == "help"
    return escalations.EscalationOpened(
        escalation_id=ESCALATION,
        episode=1,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        trigger="help" if by_help else "check_in_missed",
        trigger_event_id=trigger_event_id,
        due_at=None if by_help else DEADLINE,
        policy_id="policy1",
        policy_version=3,
        ladder=ladder,
        ladder_no=1,
    )


def step_started(number: int, next_at: datetime, *asks: Ask, ladder: Ladder = MISSED, ladder_no: int = 1) -> Event:
    frozen = ladder.steps[number - 1]
    return escalations.StepStarted(
        escalation_id=ESCALATION,
        ladder_no=ladder_no,
        step=number,
        name=frozen.name,
        asks=asks,
        next_at=next_at,
        cites=frozen.cites,
    )


def exhausted(number: int, next_at: datetime, *asks: Ask, part: int = 1) -> Event:
    return escalations.EscalationExhausted(
        escalation_id=ESCALATION,
        ladder_no=1,
        round=number,
        asks=asks,
        part=part,
        next_at=next_at,
        cites=cites("repeats"),
    )


def acknowledged(by: str, runs_out_at: datetime, *ladders: int) -> Event:
    return escalations.EscalationAcknowledged(
        escalation_id=ESCALATION,
        by=by,
        via="page",
        ladders=ladders or (1,),
        runs_out_at=runs_out_at,
        cites=cites("lasts"),
    )


def resolved(by: str, *asks: Ask) -> Event:
    return escalations.EscalationResolved(
        escalation_id=ESCALATION,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        by=by,
        confirmed_by=by,
        how="met_in_person",
        note=sealed("phone was dead"),
        asks=asks,
    )


def queued(number: int, recipient_id: str) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.NotificationQueued(
        notification_id=notification_id,
        recipient_id=recipient_id,
        kind="step",
        asked_by=f"escalation-{VISIT}",
        escalation_id=ESCALATION,
        ladder_no=1,
        step=1,
        trigger="check_in_missed",
        due_at=DEADLINE,
        send_at=DEADLINE,
        worker_id=WALT,
        messages=(Message(message_id=f"{notification_id}.m", contact_point_id="m", channel="mail"),),
    )


def attempted(number: int, at: datetime) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.AttemptStarted(
        notification_id=notification_id,
        message_id=f"{notification_id}.m",
        attempt=1,
        contact_point_id="m",
        channel="mail",
        unknown_at=at + 15 * SECOND,
    )


def accepted(number: int) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.AttemptAccepted(
        notification_id=notification_id, message_id=f"{notification_id}.m", attempt=1, provider_ref="ref"
    )


def not_reached(number: int, recipient_id: str) -> Event:
    return notifications.NotReached(
        notification_id=f"{ESCALATION}.{number}",
        recipient_id=recipient_id,
        escalation_id=ESCALATION,
        kind="step",
        ladder_no=1,
        step=1,
        reason="every_message_failed",
    )


def withdrawn(number: int) -> Event:
    return notifications.NotificationWithdrawn(notification_id=f"{ESCALATION}.{number}", reason="acknowledged")


def resumed(due_at: datetime) -> Event:
    return visits.WatchResumed(visit_id=VISIT, escalation_id=ESCALATION, due_at=due_at)


AWAITS = Awaits(
    approval=AwaitedApproval(before_start=30 * MINUTE, after_plan=10 * MINUTE, cites=cites("decide early")),
    start=Awaited(remind_after=5 * MINUTE, tell_after=15 * MINUTE, cites=cites("start on time")),
    end=Awaited(tell_after=10 * MINUTE, cites=cites("end on time")),
    report=Awaited(tell_after=60 * MINUTE, cites=cites("report")),
)
"""All four things that a policy may await."""

_VISIT_AND_POLICY = {
    "visit_id": VISIT,
    "worker_id": WALT,
    "site_id": "north",
    "policy_id": "policy1",
    "policy_version": 3,
}


def _overdue(of: type[Event], due_at: datetime, **more: datetime | str | None) -> Event:
    return of.model_validate({**_VISIT_AND_POLICY, "due_at": due_at, "detected_at": due_at, **more})


def approval_overdue(due_at: datetime, late: str | None = None) -> Event:
    return _overdue(visits.ApprovalOverdue, due_at, late=late)


def start_overdue(due_at: datetime) -> Event:
    return _overdue(visits.StartOverdue, due_at, starts_at=T0)


def end_overdue(end_at: datetime, due_at: datetime) -> Event:
    return _overdue(visits.EndOverdue, due_at, expected_end_at=end_at)


def report_overdue(due_at: datetime) -> Event:
    return _overdue(visits.ReportOverdue, due_at)


def parked(consumer: str = "escalation", position: int = 9, behind: str | None = None) -> Event:
    return troubles.RecordParked(
        service="escalation",
        parked_id=f"{consumer}.{position}",
        consumer=consumer,
        topic="lonewatch.visits.v1",
        shard=3,
        position=position,
        record_type="visit.check_in_missed.v1",
        record_stream_id=f"visit-{VISIT}",
        visit_id=VISIT,
        site_id="north",
        reason="undecodable",
        detail="data.due_at",
        sha256="0" * 64,
        behind=behind,
    )


def lapsed(*asks: Ask) -> Event:
    return escalations.EscalationLapsed(
        escalation_id=ESCALATION, visit_id=VISIT, worker_id=WALT, site_id="north", reason="visit_started", asks=asks
    )


DEADLINE_FAILED = troubles.DeadlineFailed(
    service="checkin",
    deadline_stream_id=f"visit-{VISIT}",
    kind="missed",
    subject="",
    due_at=DEADLINE,
    visit_id=VISIT,
    site_id="north",
    reason="value_error",
    detail="evolve",
)

_MESSAGE = f"{ESCALATION}.1.m"

EVERY_EVENT: tuple[Event, ...] = (
    visits.SiteRegistered(site_id="north", name="North", policy_id="policy1"),
    visits.PolicyAdopted(policy_id="policy1", policy_version=3, sha256="0" * 64, policy=POLICY),
    visits.WorkerRegistered(worker_id=WALT, site_id="north", name=sealed("Walt")),
    visits.ContactPointsSet(worker_id=WALT, contact_points=()),
    visits.TokenIssued(worker_id=WALT, token_id="t1"),
    visits.TokenRevoked(worker_id=WALT, token_id="t1"),
    visits.OperatorLadderSet(ladder=MISSED),
    visits.PasswordSet(worker_id=WALT),
    visits.PasswordRemoved(worker_id=WALT),
    visits.SignedIn(worker_id=WALT, session_id="s1"),
    visits.SignedOut(worker_id=WALT, session_id="s1"),
    visits.SignInLocked(worker_id=WALT, failures=5, until_at=DUE),
    visits.WorkerHelpRequested(worker_id=WALT, site_id="north"),
    visits.GrantGiven(site_id="north", worker_id=WALT, role=Role.WORKER),
    visits.GrantWithdrawn(site_id="north", worker_id=WALT, role=Role.WORKER),
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
    visits.ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion="before", due_at=DUE),
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
    audits.TimelineDisclosed(subject_id=VISIT, to=HEIDI, through=12),
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
