"""A visit, its ladders and its people, as the tests of audit share them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.contracts import awaited, visits
from shared.contracts.base import Cites, Event, Sealed
from shared.contracts.ladders import Ladder, Step
from shared.contracts.policy import Approval, Awaited, AwaitedApproval, Awaits, CheckIns, Gate, Policy
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
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
CHECK_IN_MISSED = awaited.CheckInMissed(
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


def resumed(due_at: datetime) -> Event:
    return awaited.WatchResumed(visit_id=VISIT, escalation_id=ESCALATION, due_at=due_at)


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
    return _overdue(awaited.ApprovalOverdue, due_at, late=late)


def start_overdue(due_at: datetime) -> Event:
    return _overdue(awaited.StartOverdue, due_at, starts_at=T0)


def end_overdue(end_at: datetime, due_at: datetime) -> Event:
    return _overdue(awaited.EndOverdue, due_at, expected_end_at=end_at)


def report_overdue(due_at: datetime) -> Event:
    return _overdue(awaited.ReportOverdue, due_at)
