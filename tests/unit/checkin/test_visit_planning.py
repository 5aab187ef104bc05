"""Before a visit: its plan, its approval or refusal, its cancellation, its start."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from services.checkin.domain import VISIT, CancelVisit, CheckIn, EndVisit, VisitCommand
from shared.contracts.base import Cites
from shared.contracts.roles import Role
from shared.contracts.visits import VisitCancelled, VisitPlanned, VisitRefused
from tests.support.given import given
from tests.unit.checkin.examples import (
    APPROVED,
    ASSESSMENT_1,
    CONTACT,
    END,
    ENDED,
    GRACE,
    HOUR,
    INTERVAL,
    MINUTE,
    NOTE,
    PLANNED,
    POLICY_1,
    SECOND,
    STARTED,
    T0,
    UNDER_WAY,
    WORKER_ID,
    YES,
    approve,
    but,
    cites,
    plan,
    refuse,
    start,
    timed,
)

OURS = Cites(ours=True)

CANCELLED = VisitCancelled(visit_id="visit1", reason="called_off")
REFUSED = VisitRefused(visit_id="visit1", by="ben", reason="not_alone", cites=cites("5"))
CANCEL = CancelVisit("called_off", now=T0 - MINUTE)


@pytest.mark.requirement("PL-11")
@pytest.mark.requirement("RO-09")
def test_a_plan_takes_interval_grace_and_reminder_from_the_policy_and_cites_it() -> None:
    assert given(VISIT).when(plan()) == [PLANNED]


def test_a_plan_keeps_apart_where_each_rule_of_the_watch_comes_from() -> None:
    ours = POLICY_1.check_ins.model_copy(update={"grace": timed(GRACE, "4.2").model_copy(update={"cites": OURS})})
    [event] = given(VISIT).when(plan(policy=POLICY_1.model_copy(update={"check_ins": ours})))
    assert isinstance(event, VisitPlanned)
    assert event.watch_cites == PLANNED.watch_cites.model_copy(update={"grace": OURS})


@pytest.mark.requirement("PL-11")
@pytest.mark.requirement("CO-03")
def test_a_plan_keeps_its_place_contacts_and_assessment() -> None:
    [event] = given(VISIT).when(plan(place=NOTE, contacts=(CONTACT,), assessment_id="assessment1"))
    assert event == PLANNED.model_copy(update={"place": NOTE, "contacts": (CONTACT,), "assessment_id": "assessment1"})


@pytest.mark.requirement("CI-03")
def test_a_visit_may_agree_a_shorter_interval_than_the_policys() -> None:
    [event] = given(VISIT).when(plan(interval=20 * MINUTE))
    assert isinstance(event, VisitPlanned)
    assert event.interval == 20 * MINUTE


@pytest.mark.requirement("CI-02")
def test_a_visit_cannot_agree_a_longer_interval_than_the_policys() -> None:
    assert given(VISIT).rejected(plan(interval=INTERVAL + SECOND)) == "interval_too_long"


def test_an_interval_is_above_zero() -> None:
    assert given(VISIT).rejected(plan(interval=timedelta(0))) == "interval_not_above_zero"


def test_a_visit_ends_after_it_starts() -> None:
    assert given(VISIT).rejected(plan(expected_end_at=T0)) == "ends_before_start"


def test_a_plan_in_another_time_zone_is_the_same_plan() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    [event] = given(VISIT).when(plan(starts_at=T0.astimezone(zone), expected_end_at=END.astimezone(zone)))
    assert event.model_dump_json() == PLANNED.model_dump_json()


def test_planning_the_same_visit_again_changes_nothing() -> None:
    assert given(VISIT, *UNDER_WAY).when(plan(now=T0 + HOUR)) == []


def test_another_visit_cannot_take_the_same_id() -> None:
    assert given(VISIT, PLANNED).rejected(plan(worker_id="carl")) == "visit_exists"


@pytest.mark.requirement("PL-01")
@pytest.mark.requirement("RO-05")
def test_whoever_the_policy_names_approves() -> None:
    assert given(VISIT, PLANNED).when(approve()) == [APPROVED]


@pytest.mark.parametrize("role", [Role.WORKER, Role.DSL, Role.ADMINISTRATOR, Role.AUDITOR])
@pytest.mark.requirement("PL-01")
def test_nobody_approves_whom_the_policy_does_not_name(role: Role) -> None:
    assert given(VISIT, PLANNED).rejected(approve(roles=frozenset({role}))) == "not_an_approver"


def test_nobody_approves_a_visit_of_their_own() -> None:
    assert given(VISIT, PLANNED).rejected(approve(by=WORKER_ID)) == "own_visit"


def test_approving_twice_changes_nothing() -> None:
    assert given(VISIT, PLANNED, APPROVED).when(approve()) == []


def test_a_visit_is_approved_once_and_by_one_person() -> None:
    assert given(VISIT, PLANNED, APPROVED).rejected(approve(by="carl")) == "not_awaiting_approval"


@pytest.mark.parametrize("last", [REFUSED, CANCELLED])
def test_a_visit_that_will_not_take_place_is_not_approved(last: VisitRefused | VisitCancelled) -> None:
    assert given(VISIT, PLANNED, last).rejected(approve()) == "not_awaiting_approval"


@pytest.mark.requirement("RA-01")
def test_no_visit_is_approved_without_an_assessment() -> None:
    assert given(VISIT, PLANNED).rejected(approve(assessment=None)) == "no_assessment"


def test_no_visit_is_approved_on_the_assessment_of_another_site() -> None:
    other = but(ASSESSMENT_1, site_id="site2")
    assert given(VISIT, PLANNED).rejected(approve(assessment=other)) == "assessment_of_another_site"


@pytest.mark.requirement("RA-03")
def test_no_visit_is_approved_where_the_risk_cannot_be_managed() -> None:
    bad = but(ASSESSMENT_1, outcome="cannot_be_managed")
    assert given(VISIT, PLANNED).rejected(approve(assessment=bad)) == "risk_cannot_be_managed"


@pytest.mark.requirement("RA-11")
def test_an_assessment_holds_through_the_expected_end_of_the_visit() -> None:
    short = but(ASSESSMENT_1, valid_until_at=END - SECOND)
    assert given(VISIT, PLANNED).rejected(approve(assessment=short)) == "assessment_expired"
    assert given(VISIT, PLANNED).when(approve(assessment=but(ASSESSMENT_1, valid_until_at=END))) == [APPROVED]


def test_an_assessment_holds_now_even_where_the_visit_should_have_ended() -> None:
    assert given(VISIT, PLANNED).rejected(approve(now=END + SECOND)) == "assessment_expired"


@pytest.mark.requirement("RA-05")
def test_an_assessment_speaks_to_every_factor_of_the_policy() -> None:
    partial = but(ASSESSMENT_1, factors=("person", "journey"))
    assert given(VISIT, PLANNED).rejected(approve(assessment=partial)) == "assessment_incomplete"


@pytest.mark.requirement("RA-03")
def test_an_approver_may_refuse_and_says_why() -> None:
    [event] = given(VISIT, PLANNED).when(refuse(note=NOTE))
    assert event == REFUSED.model_copy(update={"note": NOTE})


def test_refusing_needs_the_role_that_approving_needs() -> None:
    assert given(VISIT, PLANNED).rejected(refuse(roles=frozenset({Role.WORKER}))) == "not_an_approver"
    assert given(VISIT, PLANNED).rejected(refuse(by=WORKER_ID)) == "own_visit"


def test_refusing_twice_changes_nothing() -> None:
    assert given(VISIT, PLANNED, REFUSED).when(refuse()) == []


def test_an_approved_visit_is_not_refused_any_more() -> None:
    assert given(VISIT, PLANNED, APPROVED).rejected(refuse()) == "not_awaiting_approval"


@pytest.mark.requirement("HV-08")
def test_a_visit_is_called_off_before_it_starts() -> None:
    assert given(VISIT, PLANNED).when(CANCEL) == [CANCELLED]
    assert given(VISIT, PLANNED, APPROVED).when(CANCEL) == [CANCELLED]


def test_a_visit_that_will_not_take_place_need_not_be_called_off() -> None:
    assert given(VISIT, PLANNED, CANCELLED).when(CANCEL) == []
    assert given(VISIT, PLANNED, REFUSED).when(CANCEL) == []


def test_a_visit_that_started_cannot_be_called_off() -> None:
    assert given(VISIT, *UNDER_WAY).rejected(CANCEL) == "already_started"


def test_a_visit_that_ended_cannot_be_called_off() -> None:
    assert given(VISIT, *UNDER_WAY, ENDED).rejected(CANCEL) == "visit_ended"


@pytest.mark.requirement("CI-03")
def test_an_approved_visit_starts_and_arms_its_first_check_in() -> None:
    assert given(VISIT, PLANNED, APPROVED).when(start()) == [STARTED]


def test_the_first_check_in_is_due_at_the_expected_end_where_that_comes_first() -> None:
    short = PLANNED.model_copy(update={"expected_end_at": T0 + 20 * MINUTE})
    visit = given(VISIT, short, APPROVED).then(start())
    assert visit.state.due_at == T0 + 20 * MINUTE


@pytest.mark.parametrize(
    "history", [(PLANNED,), (PLANNED, REFUSED), (PLANNED, CANCELLED), (PLANNED, APPROVED, CANCELLED)]
)
@pytest.mark.requirement("PL-01")
def test_only_an_approved_visit_starts(history: tuple[VisitPlanned | VisitRefused | VisitCancelled, ...]) -> None:
    assert given(VISIT, *history).rejected(start()) == "not_approved"


def test_starting_again_with_the_same_answers_changes_nothing() -> None:
    reordered = dict(reversed(YES.items()))
    assert given(VISIT, *UNDER_WAY).when(start(answers=reordered, now=T0 + MINUTE)) == []


def test_starting_again_with_other_answers_is_refused() -> None:
    assert given(VISIT, *UNDER_WAY).rejected(start(answers=YES | {"mood_calm": False})) == "already_started"


def test_a_visit_that_ended_does_not_start_again() -> None:
    assert given(VISIT, *UNDER_WAY, ENDED).rejected(start()) == "visit_ended"


@pytest.mark.requirement("RA-09")
@pytest.mark.requirement("PL-15")
@pytest.mark.requirement("CI-11")
@pytest.mark.requirement("CO-02")
def test_every_question_of_the_policy_is_answered_before_the_start() -> None:
    answers = {"way_out_clear": True}
    assert given(VISIT, PLANNED, APPROVED).rejected(start(answers=answers)) == "dynamic_assessment_incomplete"


@pytest.mark.parametrize("question", [*YES, "something_else"])
@pytest.mark.requirement("RA-09")
@pytest.mark.requirement("HV-07")
def test_one_no_and_the_visit_does_not_start(question: str) -> None:
    assert given(VISIT, PLANNED, APPROVED).rejected(start(answers=YES | {question: False})) == "not_safe_to_start"


@pytest.mark.requirement("RA-01")
@pytest.mark.requirement("RA-11")
def test_the_assessment_is_looked_at_again_at_the_start() -> None:
    visit = given(VISIT, PLANNED, APPROVED)
    assert visit.rejected(start(assessment=None)) == "no_assessment"
    assert visit.rejected(start(assessment=but(ASSESSMENT_1, site_id="site2"))) == "assessment_of_another_site"
    assert visit.rejected(start(assessment=but(ASSESSMENT_1, outcome="cannot_be_managed"))) == "risk_cannot_be_managed"
    assert visit.rejected(start(assessment=but(ASSESSMENT_1, factors=()))) == "assessment_incomplete"
    assert visit.rejected(start(now=END + SECOND)) == "assessment_expired"


@pytest.mark.parametrize(
    "command",
    [approve(), refuse(), CANCEL, start(), CheckIn(T0), EndVisit("completed", T0)],
    ids=lambda c: type(c).__name__,
)
def test_what_was_never_planned_is_not_known(command: VisitCommand) -> None:
    assert given(VISIT).rejected(command) == "visit_unknown"
