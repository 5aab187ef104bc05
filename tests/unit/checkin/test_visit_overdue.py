"""An approval, a start, an end or a report that does not come: who is told, when, and once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from services.checkin.domain import (
    VISIT,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    ReportVisit,
    TellOfAwaited,
    overdue,
)
from shared.contracts.awaited import (
    ApprovalOverdue,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
)
from shared.contracts.visits import (
    VisitApproved,
    VisitExtended,
    VisitReported,
)
from tests.support.given import given
from tests.unit.checkin.awaiting import (
    APPROVED_FOR_T0,
    AWAITING,
    BEGUN,
    CANCEL,
    CANCELLED,
    HOME,
    LEFT,
    REFUSED,
    REPORT,
    REPORTED,
    asked,
    kinds,
)
from tests.unit.checkin.examples import (
    AWAITING_POLICY,
    DUE,
    END,
    ENDED,
    GRACE,
    HOUR,
    MINUTE,
    NOTE,
    SECOND,
    SUPERVISOR_ID,
    T0,
    UNDER_WAY,
    WORKER_ID,
    approve,
    cites,
    start,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

# ------------------------------------------------------------------------------------------------------------- an approval


@pytest.mark.requirement("PL-01")
def test_an_approval_that_is_late_is_recorded_with_its_policy() -> None:
    due_at = T0 - 30 * MINUTE
    expected = ApprovalOverdue(
        visit_id="visit1",
        worker_id=WORKER_ID,
        site_id="site1",
        due_at=due_at,
        detected_at=due_at + SECOND,
        policy_id="policy1",
        policy_version=3,
        cites=cites("9.1"),
    )
    assert asked(given(VISIT, AWAITING), "approval_overdue", due_at + SECOND) == [expected]


@pytest.mark.parametrize("last", [APPROVED_FOR_T0, REFUSED, CANCELLED], ids=lambda event: type(event).__name__)
def test_a_decision_that_comes_first_leaves_nothing_overdue(last: Event) -> None:
    command = TellOfAwaited("approval_overdue", T0 - 30 * MINUTE, now=T0)
    assert given(VISIT, AWAITING, last).when(command) == []


def test_a_visit_can_still_be_decided_about_when_its_approval_is_overdue() -> None:
    late = given(VISIT, AWAITING).then(TellOfAwaited("approval_overdue", T0 - 30 * MINUTE, now=T0 - 29 * MINUTE))
    assert overdue(late.state) == ["approval_overdue"]
    approved = late.then(approve(policy=AWAITING_POLICY, now=T0 - 20 * MINUTE))
    assert (approved.state.status, overdue(approved.state)) == ("approved", [])
    assert late.then(CANCEL).state.status == "cancelled"


# ----------------------------------------------------------------------------------------------------------------- a start


@pytest.mark.requirement("PL-07")
def test_a_start_that_does_not_come_reminds_the_worker_and_then_tells_others() -> None:
    visit = given(VISIT, AWAITING, APPROVED_FOR_T0)
    [reminded] = asked(visit, "reminder_start", T0 + 5 * MINUTE + SECOND)
    assert reminded == ReminderDue(
        visit_id="visit1",
        worker_id=WORKER_ID,
        reminder_id="visit1.r1",
        occasion="start",
        due_at=T0,
        cites=cites("9.2"),
    )
    visit = given(VISIT, AWAITING, APPROVED_FOR_T0, reminded)
    assert kinds(visit) == {"start_overdue"}
    assert asked(visit, "start_overdue", T0 + 15 * MINUTE + SECOND) == [
        StartOverdue(
            visit_id="visit1",
            worker_id=WORKER_ID,
            site_id="site1",
            starts_at=T0,
            due_at=T0 + 15 * MINUTE,
            detected_at=T0 + 15 * MINUTE + SECOND,
            policy_id="policy1",
            policy_version=3,
            cites=cites("9.2"),
        )
    ]


def test_a_start_at_the_deadline_comes_in_time_and_the_clock_finds_nothing() -> None:
    visit = given(VISIT, AWAITING, APPROVED_FOR_T0)
    at = T0 + 15 * MINUTE
    command = TellOfAwaited("start_overdue", T0, now=at + timedelta(microseconds=1))
    assert asked(visit, "start_overdue", at) == []
    assert visit.then(start(now=at)).when(command) == []


def test_a_visit_starts_after_its_start_was_overdue() -> None:
    late = given(VISIT, AWAITING, APPROVED_FOR_T0).then(TellOfAwaited("start_overdue", T0, now=T0 + 16 * MINUTE))
    assert overdue(late.state) == ["start_overdue"]
    begun = late.then(start(now=T0 + 20 * MINUTE))
    assert (begun.state.status, overdue(begun.state)) == ("started", [])
    assert kinds(begun) == {"reminder_end", "end_overdue"}


def test_a_visit_that_is_called_off_at_the_last_moment_is_not_looked_for() -> None:
    command = TellOfAwaited("start_overdue", T0, now=T0 + HOUR)
    assert given(VISIT, AWAITING, APPROVED_FOR_T0, CANCELLED).when(command) == []


def test_an_approval_after_the_planned_start_leaves_the_worker_their_time_to_start() -> None:
    [approved] = given(VISIT, AWAITING).when(approve(policy=AWAITING_POLICY, now=T0 + 20 * MINUTE))
    assert isinstance(approved, VisitApproved)
    assert approved.start_awaited_at == T0 + 20 * MINUTE
    visit = given(VISIT, AWAITING, approved)
    assert asked(visit, "start_overdue", T0 + 35 * MINUTE) == []
    [overdue_now] = asked(visit, "start_overdue", T0 + 35 * MINUTE + SECOND)
    assert isinstance(overdue_now, StartOverdue)
    assert (overdue_now.starts_at, overdue_now.due_at, overdue_now.late) == (T0, T0 + 35 * MINUTE, None)


# ----------------------------------------------------------------------------------------------------------------- an end


@pytest.mark.requirement("PL-08")
@pytest.mark.requirement("CI-04")
def test_an_end_that_does_not_come_reminds_the_worker_and_then_tells_others_whatever_check_ins_came() -> None:
    visit = given(VISIT, *BEGUN).then(CheckIn(END - 100 * MINUTE)).then(CheckIn(END - 50 * MINUTE)).then(CheckIn(END))
    [reminded] = asked(visit, "reminder_end", END + 10 * MINUTE + SECOND)
    assert isinstance(reminded, ReminderDue)
    assert (reminded.occasion, reminded.due_at) == ("end", END)
    visit = visit.then(CheckIn(END + 20 * MINUTE))
    assert asked(visit, "end_overdue", END + 30 * MINUTE + SECOND) == [
        EndOverdue(
            visit_id="visit1",
            worker_id=WORKER_ID,
            site_id="site1",
            expected_end_at=END,
            due_at=END + 30 * MINUTE,
            detected_at=END + 30 * MINUTE + SECOND,
            policy_id="policy1",
            policy_version=3,
            cites=cites("9.3"),
        )
    ]


@pytest.mark.requirement("CI-05")
def test_whoever_gives_a_new_expected_end_is_awaited_then_and_no_sooner() -> None:
    later = T0 + 200 * MINUTE
    visit = given(VISIT, *BEGUN).then(ExtendVisit(later, T0 + 50 * MINUTE))
    assert visit.when(TellOfAwaited("end_overdue", END, now=END + HOUR)) == []
    assert {(found.kind, found.due_at) for found in visit.deadlines if "end" in found.kind} == {
        ("reminder_end", later + 10 * MINUTE),
        ("end_overdue", later + 30 * MINUTE),
    }


@pytest.mark.requirement("CI-05")
def test_each_expected_end_is_overdue_once() -> None:
    now, later = END + 31 * MINUTE, END + 2 * HOUR
    told = given(VISIT, *BEGUN).then(CheckIn(END)).then(TellOfAwaited("end_overdue", END, now=now))
    assert told.when(TellOfAwaited("end_overdue", END, now=now + HOUR)) == []
    extended = told.then(ExtendVisit(later, now + MINUTE))
    assert overdue(extended.state) == []
    [again] = asked(extended, "end_overdue", later + 30 * MINUTE + SECOND)
    assert isinstance(again, EndOverdue)
    assert again.expected_end_at == later


def test_the_same_expected_end_given_again_reminds_nobody_again() -> None:
    same = VisitExtended(visit_id="visit1", met_due_at=DUE, expected_end_at=END, due_at=END)
    reminded = ReminderDue(visit_id="visit1", worker_id=WORKER_ID, reminder_id="visit1.r1", occasion="end", due_at=END)
    assert kinds(given(VISIT, *BEGUN, reminded, same)) == {"end_overdue"}


def test_a_visit_whose_check_in_was_missed_is_still_awaited_at_its_end() -> None:
    visit = given(VISIT, *BEGUN).then(MarkCheckInMissed(DUE, DUE + GRACE + SECOND))
    assert {deadline.kind for deadline in visit.deadlines} == {"reminder_end", "end_overdue"}


def test_an_end_that_comes_after_the_deadline_and_before_the_clock_looks_has_come() -> None:
    now = END + HOUR
    visit = given(VISIT, *BEGUN).then(CheckIn(END)).then(EndVisit("completed", now))
    assert visit.when(TellOfAwaited("end_overdue", END, now=now + SECOND)) == []


# --------------------------------------------------------------------------------------------------------------- a report


def test_the_end_says_until_when_a_report_is_awaited() -> None:
    assert given(VISIT, *BEGUN).when(EndVisit("completed", LEFT)) == [HOME]


@pytest.mark.requirement("PV-01")
def test_a_report_that_does_not_come_reminds_the_worker_and_then_tells_others() -> None:
    visit = given(VISIT, *BEGUN, HOME)
    [reminded] = asked(visit, "reminder_report", LEFT + HOUR + SECOND)
    assert isinstance(reminded, ReminderDue)
    assert (reminded.occasion, reminded.due_at) == ("report", LEFT + 4 * HOUR)
    assert asked(visit, "report_overdue", LEFT + 4 * HOUR + SECOND) == [
        ReportOverdue(
            visit_id="visit1",
            worker_id=WORKER_ID,
            site_id="site1",
            due_at=LEFT + 4 * HOUR,
            detected_at=LEFT + 4 * HOUR + SECOND,
            policy_id="policy1",
            policy_version=3,
            cites=cites("9.4"),
        )
    ]


@pytest.mark.requirement("PV-01")
def test_a_worker_reports_how_the_visit_went() -> None:
    assert given(VISIT, *BEGUN, HOME).when(REPORT) == [REPORTED]
    written = ReportVisit(by=SUPERVISOR_ID, went="incident", note=NOTE, now=LEFT)
    [event] = given(VISIT, *BEGUN, HOME).when(written)
    assert event == REPORTED.model_copy(update={"by": SUPERVISOR_ID, "went": "incident", "note": NOTE})


def test_a_report_in_time_leaves_nothing_overdue_and_one_after_it_ends_the_wait() -> None:
    overdue_at = LEFT + 5 * HOUR
    command = TellOfAwaited("report_overdue", LEFT + 4 * HOUR, now=overdue_at)
    assert given(VISIT, *BEGUN, HOME, REPORTED).when(command) == []
    late = given(VISIT, *BEGUN, HOME).then(command)
    assert overdue(late.state) == ["report_overdue"]
    assert overdue(late.then(REPORT).state) == []


def test_the_same_report_again_is_a_repeat_and_another_is_recorded_too() -> None:
    visit = given(VISIT, *BEGUN, HOME, REPORTED)
    assert visit.when(REPORT) == []
    other = ReportVisit(by=WORKER_ID, went="near_miss", note=None, now=LEFT + HOUR)
    [event] = visit.when(other)
    assert isinstance(event, VisitReported)
    assert event.went == "near_miss"


def test_a_report_is_taken_where_none_is_awaited() -> None:
    [event] = given(VISIT, *UNDER_WAY, ENDED).when(REPORT)
    assert isinstance(event, VisitReported)
    assert event.cites.clauses == ()


@pytest.mark.parametrize(
    "history",
    [(AWAITING,), (AWAITING, APPROVED_FOR_T0), BEGUN, (AWAITING, CANCELLED)],
)
def test_a_visit_is_reported_on_once_it_has_ended(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).rejected(REPORT) == "not_ended"
    assert given(VISIT).rejected(REPORT) == "visit_unknown"
