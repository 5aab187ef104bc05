"""One visit, with its policy and assessment, and its events and commands, each of which a test may vary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.checkin.domain import ApproveVisit, PlanVisit, RefuseVisit, StartVisit
from shared.contracts.awaited import CheckInMissed
from shared.contracts.base import Cites, Event, Sealed
from shared.contracts.ladders import Ladder, Step
from shared.contracts.policy import Approval, Awaited, AwaitedApproval, Awaits, CheckIns, Gate, Policy
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
from shared.contracts.visits import (
    AssessmentRecorded,
    VisitApproved,
    VisitCancelled,
    VisitContact,
    VisitEnded,
    VisitPlanned,
    VisitRefused,
    VisitStarted,
    WatchCites,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When the visit of these examples starts."""

INTERVAL, GRACE, REMIND_BEFORE = 60 * MINUTE, 5 * MINUTE, 10 * MINUTE
END = T0 + 150 * MINUTE
DUE = T0 + INTERVAL

WORKER_ID, SUPERVISOR_ID = "anna", "ben"
SUPERVISOR = frozenset({Role.SUPERVISOR})
YES = {"way_out_clear": True, "mood_calm": True}
NOTE = Sealed(kid="k1", nonce="n", ct="c")
CONTACT = VisitContact(contact_id="aunt", relation="relative", name=NOTE, phone=NOTE)


def cites(clause: str) -> Cites:
    """Return the citation of one clause."""
    return Cites(clauses=(clause,))


def timed(span: timedelta, clause: str) -> Timed:
    """Return a span that a clause sets."""
    return Timed(span=span, cites=cites(clause))


def _ladder(trigger: Any) -> Ladder:
    step = Step(name="first", notify=(Role.SUPERVISOR,), wait=5 * MINUTE, cites=cites("7"), wait_cites=cites("7"))
    return Ladder(
        trigger=trigger,
        steps=(step,),
        acknowledgement_lasts=timed(15 * MINUTE, "8"),
        repeat_every=timed(5 * MINUTE, "8"),
        cites=cites("7"),
    )


POLICY_1 = Policy(
    policy_id="policy1",
    title="Lone working",
    organisation="Example Trust",
    text="Lone working policy, 1 March 2026",
    check_ins=CheckIns(
        interval=timed(INTERVAL, "4.1"),
        grace=timed(GRACE, "4.2"),
        remind_before=timed(REMIND_BEFORE, "4.3"),
        cites=cites("4"),
    ),
    approval=Approval(roles=(Role.SUPERVISOR, Role.LINE_MANAGER), cites=cites("5")),
    gate=Gate(
        factors=("location", "person"),
        factors_cites=cites("6"),
        valid_for=timed(timedelta(days=365), "6.1"),
        dynamic_questions=tuple(YES),
        questions_cites=cites("6.2"),
    ),
    ladders=(_ladder("check_in_missed"), _ladder("help")),
)

AWAITS = Awaits(
    approval=AwaitedApproval(before_start=30 * MINUTE, after_plan=15 * MINUTE, cites=cites("9.1")),
    start=Awaited(remind_after=5 * MINUTE, tell_after=15 * MINUTE, cites=cites("9.2")),
    end=Awaited(remind_after=10 * MINUTE, tell_after=30 * MINUTE, cites=cites("9.3")),
    report=Awaited(remind_after=HOUR, tell_after=4 * HOUR, cites=cites("9.4")),
)
AWAITING_POLICY = POLICY_1.model_copy(update={"awaits": AWAITS})
"""The same policy, which also awaits what is no check-in."""

ASSESSMENT_1 = AssessmentRecorded(
    assessment_id="assessment1",
    site_id="site1",
    outcome="acceptable",
    factors=("person", "location", "journey"),
    assessed_by=(SUPERVISOR_ID,),
    valid_until_at=END,
)

PLANNED = VisitPlanned(
    visit_id="visit1",
    site_id="site1",
    worker_id=WORKER_ID,
    kind="home_visit",
    starts_at=T0,
    expected_end_at=END,
    interval=INTERVAL,
    grace=GRACE,
    remind_before=REMIND_BEFORE,
    policy_id="policy1",
    policy_version=3,
    cites=Cites(clauses=("4", "4.1", "4.2", "4.3")),
    watch_cites=WatchCites(check_ins=cites("4"), interval=cites("4.1"), grace=cites("4.2"), remind_before=cites("4.3")),
)
RHYTHM = Cites(clauses=("4", "4.1"))
"""What the time of the next check-in rests on."""
APPROVED = VisitApproved(
    visit_id="visit1",
    assessment_id="assessment1",
    assessment_version=2,
    by=SUPERVISOR_ID,
    cites=Cites(clauses=("5", "6")),
)
STARTED = VisitStarted(visit_id="visit1", dynamic_assessment=YES, due_at=DUE, cites=cites("6.2"))
MISSED = CheckInMissed(
    visit_id="visit1",
    worker_id=WORKER_ID,
    site_id="site1",
    due_at=DUE,
    missed_at=DUE + GRACE,
    detected_at=DUE + GRACE + SECOND,
    policy_id="policy1",
    policy_version=3,
    cites=Cites(clauses=("4", "4.2")),
)
ENDED = VisitEnded(visit_id="visit1", reason="completed")

UNDER_WAY: tuple[Event, ...] = (PLANNED, APPROVED, STARTED)
"""The history of a visit that was started at T0."""


def plan(**changes: Any) -> PlanVisit:
    """Return the command that plans the visit."""
    fields: dict[str, Any] = {
        "visit_id": "visit1",
        "site_id": "site1",
        "worker_id": WORKER_ID,
        "kind": "home_visit",
        "starts_at": T0,
        "expected_end_at": END,
        "policy": POLICY_1,
        "policy_version": 3,
        "now": T0 - HOUR,
    }
    return PlanVisit(**(fields | changes))


def approve(**changes: Any) -> ApproveVisit:
    """Return the command that approves the visit."""
    fields: dict[str, Any] = {
        "by": SUPERVISOR_ID,
        "roles": SUPERVISOR,
        "policy": POLICY_1,
        "assessment": ASSESSMENT_1,
        "assessment_version": 2,
        "now": T0 - HOUR,
    }
    return ApproveVisit(**(fields | changes))


def refuse(**changes: Any) -> RefuseVisit:
    """Return the command that refuses the visit."""
    fields: dict[str, Any] = {
        "by": SUPERVISOR_ID,
        "roles": SUPERVISOR,
        "policy": POLICY_1,
        "reason": "not_alone",
        "note": None,
        "now": T0 - HOUR,
    }
    return RefuseVisit(**(fields | changes))


def start(**changes: Any) -> StartVisit:
    """Return the command that starts the visit."""
    fields: dict[str, Any] = {"answers": YES, "policy": POLICY_1, "assessment": ASSESSMENT_1, "now": T0}
    return StartVisit(**(fields | changes))


def but(assessment: AssessmentRecorded, **changes: Any) -> AssessmentRecorded:
    """Return the assessment with some fields changed."""
    return assessment.model_copy(update=changes)


BEFORE_START: list[tuple[Event, ...]] = [
    (PLANNED,),
    (PLANNED, APPROVED),
    (PLANNED, VisitRefused(visit_id="visit1", by=SUPERVISOR_ID, reason="not_alone")),
    (PLANNED, VisitCancelled(visit_id="visit1", reason="called_off")),
]
