"""What does not come beside check-ins: an approval, a start, an end, a report. Who is told, when, and once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.checkin.domain import (
    VISIT,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    Outages,
    ReportVisit,
    TellOfAwaited,
    command_of,
    overdue,
)
from shared.contracts.base import Event
from shared.contracts.policy import Awaits
from shared.contracts.visits import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitReported,
)
from tests.support.given import Given, given
from tests.unit.checkin.examples import (
    APPROVED,
    AWAITING_POLICY,
    AWAITS,
    DUE,
    END,
    ENDED,
    GRACE,
    HOUR,
    MINUTE,
    NOTE,
    PLANNED,
    POLICY_1,
    REMIND_BEFORE,
    SECOND,
    STARTED,
    SUPERVISOR_ID,
    T0,
    UNDER_WAY,
    WORKER_ID,
    approve,
    cites,
    plan,
    start,
)

AWAITING = PLANNED.model_copy(update={"awaits": AWAITS, "approval_due_at": T0 - 30 * MINUTE})
APPROVED_FOR_T0 = APPROVED.model_copy(update={"start_awaited_at": T0})
BEGUN: tuple[Event, ...] = (AWAITING, APPROVED_FOR_T0, STARTED)
LEFT = T0 + 40 * MINUTE
HOME = VisitEnded(visit_id="visit1", reason="completed", remind_report_at=LEFT + HOUR, report_due_at=LEFT + 4 * HOUR)
REPORT = ReportVisit(by=WORKER_ID, went="well", note=None, now=LEFT + MINUTE)
REPORTED = VisitReported(visit_id="visit1", by=WORKER_ID, went="well", cites=cites("9.4"))
CANCEL = CancelVisit("called_off", now=T0)
REFUSED = VisitRefused(visit_id="visit1", by=SUPERVISOR_ID, reason="not_alone")
CANCELLED = VisitCancelled(visit_id="visit1", reason="called_off")

KINDS = {
    "approval_overdue": (AWAITING,),
    "start_overdue": (AWAITING, APPROVED_FOR_T0),
    "end_overdue": BEGUN,
    "report_overdue": (*BEGUN, HOME),
}
"""Each thing that others are told of, and a history in which it is awaited."""

DUES = {
    "approval_overdue": T0 - 30 * MINUTE,
    "start_overdue": T0 + 15 * MINUTE,
    "end_overdue": END + 30 * MINUTE,
    "report_overdue": LEFT + 4 * HOUR,
}


def asked(visit: Given[Any, Any, Any], kind: str, now: datetime, outages: Outages = ()) -> list[Event]:
    """Return what comes of a deadline that the visit has now, as the clock proposes it."""
    [deadline] = [found for found in visit.deadlines if found.kind == kind]
    return visit.when(command_of(deadline, now, outages))


def kinds(visit: Given[Any, Any, Any]) -> set[str]:
    """Return the kinds of the deadlines that are not of check-ins."""
    return {deadline.kind for deadline in visit.deadlines} - {"check_in_missed", "reminder_before", "reminder_at"}


# ------------------------------------------------------------------------------------------------------- what is awaited


def test_a_plan_keeps_what_its_policy_awaits_and_until_when_a_decision_is_awaited() -> None:
    assert given(VISIT).when(plan(policy=AWAITING_POLICY)) == [AWAITING]


@pytest.mark.parametrize(
    ("planned_at", "approval_due_at"),
    [
        (T0 - HOUR, T0 - 30 * MINUTE),
        (T0 - 45 * MINUTE, T0 - 30 * MINUTE),
        (T0 - 40 * MINUTE, T0 - 25 * MINUTE),
        (T0 + HOUR, T0 + 75 * MINUTE),
    ],
)
def test_a_decision_is_awaited_some_time_before_the_start_and_never_at_once(
    planned_at: datetime, approval_due_at: datetime
) -> None:
    [event] = given(VISIT).when(plan(policy=AWAITING_POLICY, now=planned_at))
    assert isinstance(event, VisitPlanned)
    assert event.approval_due_at == approval_due_at


def test_planning_the_same_visit_again_later_puts_no_decision_off() -> None:
    visit = given(VISIT, AWAITING)
    assert visit.when(plan(policy=AWAITING_POLICY, now=T0)) == []


@pytest.mark.parametrize("history", [(PLANNED,), (PLANNED, APPROVED), UNDER_WAY, (*UNDER_WAY, ENDED)])
def test_a_visit_under_a_policy_that_awaits_nothing_else_has_deadlines_of_check_ins_alone(
    history: tuple[Event, ...],
) -> None:
    assert kinds(given(VISIT, *history)) == set()


def test_the_commands_of_a_visit_that_awaits_nothing_else_say_nothing_of_it() -> None:
    assert given(VISIT, PLANNED).when(approve()) == [APPROVED]
    assert given(VISIT, *UNDER_WAY).when(EndVisit("completed", LEFT)) == [ENDED]


def test_at_each_stage_the_next_thing_is_awaited_and_nothing_before_it() -> None:
    assert kinds(given(VISIT, AWAITING)) == {"approval_overdue"}
    assert kinds(given(VISIT, AWAITING, APPROVED_FOR_T0)) == {"reminder_start", "start_overdue"}
    assert kinds(given(VISIT, *BEGUN)) == {"reminder_end", "end_overdue"}
    assert kinds(given(VISIT, *BEGUN, HOME)) == {"reminder_report", "report_overdue"}
    assert kinds(given(VISIT, *BEGUN, HOME, REPORTED)) == set()


@pytest.mark.parametrize("last", [REFUSED, CANCELLED])
def test_a_visit_that_will_not_take_place_awaits_nothing(last: Event) -> None:
    assert given(VISIT, AWAITING, last).deadlines == []
    assert given(VISIT, AWAITING, APPROVED_FOR_T0, CANCELLED).deadlines == []


def test_what_the_policy_leaves_out_is_not_awaited() -> None:
    only_the_end = AWAITING.model_copy(update={"awaits": Awaits(end=AWAITS.end), "approval_due_at": None})
    assert given(VISIT, only_the_end).deadlines == []
    assert given(VISIT, only_the_end, APPROVED).deadlines == []
    assert kinds(given(VISIT, only_the_end, APPROVED, STARTED)) == {"reminder_end", "end_overdue"}
    assert given(VISIT, only_the_end, APPROVED, STARTED, ENDED).deadlines == []


def test_without_a_reminder_in_the_policy_the_worker_is_not_reminded() -> None:
    assert AWAITS.start is not None
    quiet = AWAITS.model_copy(update={"start": AWAITS.start.model_copy(update={"remind_after": None})})
    visit = given(VISIT, AWAITING.model_copy(update={"awaits": quiet}), APPROVED_FOR_T0)
    assert kinds(visit) == {"start_overdue"}


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


# --------------------------------------------------------------------------------------------------- every kind alike


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_overdue_at_its_deadline_and_everything_just_after_it(kind: str) -> None:
    visit = given(VISIT, *KINDS[kind])
    assert asked(visit, kind, DUES[kind]) == []
    [event] = asked(visit, kind, DUES[kind] + timedelta(microseconds=1))
    assert event.type == f"visit.{kind}.v1"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_recorded_as_overdue_twice(kind: str) -> None:
    visit = given(VISIT, *KINDS[kind])
    [deadline] = [found for found in visit.deadlines if found.kind == kind]
    told = visit.then(command_of(deadline, DUES[kind] + SECOND))
    assert told.when(command_of(deadline, DUES[kind] + HOUR)) == []
    assert kind not in kinds(told)
    assert overdue(told.state) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_recorded_later_than_promised_says_whether_lonewatch_was_away(kind: str) -> None:
    visit, due_at = given(VISIT, *KINDS[kind]), DUES[kind]
    away = ((due_at - MINUTE, due_at + HOUR),)
    before = ((due_at - HOUR, due_at - MINUTE),)

    def late(now: datetime, outages: Outages = ()) -> Any:
        [event] = asked(visit, kind, now, outages)
        return event.model_dump()["late"]

    assert late(due_at + 10 * SECOND) is None
    assert late(due_at + 11 * SECOND) == "nobody_looked_in_time"
    assert late(due_at + 11 * SECOND, before) == "nobody_looked_in_time"
    assert late(due_at + HOUR, away) == "system_outage"


@pytest.mark.parametrize("history", [(), (PLANNED,), (AWAITING, APPROVED_FOR_T0), BEGUN, (*BEGUN, HOME)])
def test_a_deadline_of_something_else_does_nothing(history: tuple[Event, ...]) -> None:
    command = TellOfAwaited("approval_overdue", T0, now=T0 + 9 * HOUR)  # no instant that was ever agreed for it
    if history:
        assert given(VISIT, *history).when(command) == []
    else:
        assert given(VISIT).rejected(command) == "visit_unknown"


# ----------------------------------------------------------------------------------------- missed check-ins and outages


@pytest.mark.parametrize(
    ("from_at", "to_at", "late"),
    [
        (DUE, DUE + GRACE, "system_outage"),
        (DUE + GRACE, DUE + GRACE + SECOND, "system_outage"),
        (DUE - HOUR, DUE - REMIND_BEFORE, "system_outage"),  # whoever was reminded may have tried in vain
        (DUE - HOUR, DUE - REMIND_BEFORE - SECOND, None),
        (DUE + GRACE + SECOND, DUE + HOUR, None),
    ],
)
def test_a_miss_that_fell_into_an_outage_says_so_whatever_the_delay(
    from_at: datetime, to_at: datetime, late: str | None
) -> None:
    now, outages = DUE + GRACE + SECOND, ((T0 - HOUR, T0), (from_at, to_at))
    for command in (
        MarkCheckInMissed(DUE, now, outages),
        CheckIn(now, outages),
        ExtendVisit(END, now, outages),
        EndVisit("completed", now, outages),
    ):
        missed = given(VISIT, *UNDER_WAY).when(command)[0]
        assert isinstance(missed, CheckInMissed)
        assert missed.late == late


def test_a_policy_that_awaits_nothing_gives_no_instants_to_a_plan() -> None:
    [event] = given(VISIT).when(plan(policy=POLICY_1))
    assert isinstance(event, VisitPlanned)
    assert (event.approval_due_at, event.awaits) == (None, Awaits())
