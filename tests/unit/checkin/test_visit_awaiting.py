"""What is awaited of a visit beside check-ins, and what holds of every kind of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.checkin.domain import (
    VISIT,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    Outages,
    TellOfAwaited,
    command_of,
    overdue,
)
from shared.contracts.awaited import (
    CheckInMissed,
)
from shared.contracts.policy import Awaits
from shared.contracts.visits import (
    VisitPlanned,
)
from tests.support.given import given
from tests.unit.checkin.awaiting import (
    APPROVED_FOR_T0,
    AWAITING,
    BEGUN,
    CANCELLED,
    DUES,
    HOME,
    KINDS,
    LEFT,
    REFUSED,
    REPORTED,
    asked,
    kinds,
)
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
    PLANNED,
    POLICY_1,
    REMIND_BEFORE,
    SECOND,
    STARTED,
    T0,
    UNDER_WAY,
    approve,
    plan,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

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
