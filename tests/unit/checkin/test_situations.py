"""Duress and situations on a visit and without one: taken in every state, and nothing in the watch changes by them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.checkin.domain import (
    VISIT,
    WORKER,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    ReportSituation,
    ReportSituationWithoutVisit,
    SignalDuress,
    SignalDuressWithoutVisit,
    VisitCommand,
)
from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.policy import UnsafeEnds
from shared.contracts.situations import (
    VisitDuressSignalled,
    VisitSituationReported,
    WorkerDuressSignalled,
    WorkerSituationReported,
)
from shared.contracts.visits import VisitEnded, VisitPlanned, WorkerRegistered
from shared.decider import Rejected
from tests.support.given import given
from tests.unit.checkin.examples import (
    BEFORE_START,
    DUE,
    END,
    ENDED,
    GRACE,
    MINUTE,
    MISSED,
    NOTE,
    PLANNED,
    POLICY_1,
    T0,
    UNDER_WAY,
    cites,
    plan,
    start,
)

DURESS = VisitDuressSignalled(
    visit_id="visit1",
    worker_id="anna",
    site_id="site1",
    policy_id="policy1",
    policy_version=3,
    with_command="check_in",
)
UNSAFE = VisitSituationReported(
    visit_id="visit1", worker_id="anna", site_id="site1", policy_id="policy1", policy_version=3, situation="unsafe"
)
ANNA = WorkerRegistered(worker_id="anna", site_id="site1", name=NOTE)
SIGNALLED = SignalDuress("check_in", T0)

EVERY_STATE = [*BEFORE_START, UNDER_WAY, (*UNDER_WAY, MISSED), (*UNDER_WAY, ENDED), (*UNDER_WAY, MISSED, ENDED)]

COMMANDS: list[VisitCommand] = [
    start(),
    CheckIn(T0 + MINUTE),
    CheckIn(DUE + GRACE + MINUTE),
    ExtendVisit(END + timedelta(hours=1), T0 + MINUTE),
    EndVisit("completed", T0 + MINUTE),
    EndVisit("unsafe", T0 + MINUTE),
    MarkCheckInMissed(DUE, DUE + GRACE + MINUTE),
]


def outcome(history: tuple[Event, ...], command: VisitCommand) -> list[Event] | str:
    """Return what a command gives, or the code with which it is refused."""
    try:
        return given(VISIT, *history).when(command)
    except Rejected as refusal:
        return refusal.code


@pytest.mark.parametrize("history", EVERY_STATE)
def test_duress_is_signalled_in_every_state_of_a_visit(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).when(SIGNALLED) == [DURESS]
    assert given(VISIT, *history, DURESS).when(SIGNALLED) == [DURESS]


@pytest.mark.parametrize("history", EVERY_STATE)
def test_a_visit_with_duress_stands_falls_due_and_answers_as_one_without(history: tuple[Event, ...]) -> None:
    with_duress, without = given(VISIT, *history, DURESS), given(VISIT, *history)
    assert with_duress.state == without.state
    assert with_duress.deadlines == without.deadlines
    for command in COMMANDS:
        assert outcome((*history, DURESS), command) == outcome(history, command)


def test_the_state_after_a_check_in_with_duress_equals_the_one_without() -> None:
    under_way, checked_in = given(VISIT, *UNDER_WAY), CheckIn(T0 + MINUTE)
    with_duress = under_way.then(SIGNALLED).then(checked_in)
    assert with_duress.state == under_way.then(checked_in).state
    assert with_duress.deadlines == under_way.then(checked_in).deadlines


def test_duress_on_no_visit_is_refused_so_that_it_goes_to_the_worker() -> None:
    assert given(VISIT).rejected(SIGNALLED) == "visit_unknown"
    assert given(VISIT).rejected(ReportSituation("unsafe", None, T0)) == "visit_unknown"


def test_duress_without_a_visit_is_the_worker_s_own_and_needs_nothing_that_can_be_read() -> None:
    signalled = SignalDuressWithoutVisit("end_visit", T0, "anna")
    own = WorkerDuressSignalled(worker_id="anna", site_id="site1", with_command="end_visit")
    assert given(WORKER, ANNA).when(signalled) == [own]
    unread = WorkerDuressSignalled(worker_id="anna", site_id=OPERATOR_SITE, with_command="end_visit")
    assert given(WORKER).when(signalled) == [unread]


@pytest.mark.parametrize("history", EVERY_STATE)
@pytest.mark.parametrize("situation", ["break_in", "safeguarding", "unsafe", "unplanned"])
def test_a_situation_is_reported_in_every_state_of_a_visit(history: tuple[Event, ...], situation: str) -> None:
    visit = given(VISIT, *history)
    reported = ReportSituation(situation, NOTE, T0)  # type: ignore[arg-type]
    assert visit.when(reported) == [UNSAFE.model_copy(update={"situation": situation, "note": NOTE})]
    assert visit.then(reported).state == visit.state


def test_a_situation_without_a_visit_is_the_worker_s_own() -> None:
    reported = WorkerSituationReported(worker_id="anna", site_id="site1", situation="unplanned", note=NOTE)
    assert given(WORKER, ANNA).when(ReportSituationWithoutVisit("unplanned", NOTE, T0)) == [reported]
    unread = reported.model_copy(update={"site_id": OPERATOR_SITE})
    assert given(WORKER).when(ReportSituationWithoutVisit("unplanned", NOTE, T0, "anna")) == [unread]
    assert given(WORKER).rejected(ReportSituationWithoutVisit("unplanned", NOTE, T0)) == "worker_unknown"


# --------------------------------------------------------------------------------------------------------- unsafe ends


def test_whoever_ends_a_visit_as_unsafe_has_it_reported_in_the_same_decision() -> None:
    under_way = given(VISIT, *UNDER_WAY)
    ended = under_way.when(EndVisit("unsafe", T0 + MINUTE))
    assert ended == [VisitEnded(visit_id="visit1", reason="unsafe"), UNSAFE]
    assert under_way.then(EndVisit("unsafe", T0 + MINUTE)).when(EndVisit("unsafe", T0 + 2 * MINUTE)) == []


def test_an_unsafe_end_after_the_deadline_records_the_miss_too() -> None:
    late = given(VISIT, *UNDER_WAY).when(EndVisit("unsafe", DUE + GRACE + MINUTE))
    assert [event.type for event in late] == [
        "visit.check_in_missed.v1",
        "visit.ended.v1",
        "visit.situation_reported.v1",
    ]


def test_which_ends_are_unsafe_is_as_the_policy_had_it_when_the_visit_was_planned() -> None:
    unsafe_ends = UnsafeEnds(reasons=("unsafe", "threatened"), cites=cites("3.7"))
    (planned,) = given(VISIT).when(plan(policy=POLICY_1.model_copy(update={"unsafe_ends": unsafe_ends})))
    assert isinstance(planned, VisitPlanned)
    assert planned.unsafe_ends == ("unsafe", "threatened")
    under_way = given(VISIT, planned, *UNDER_WAY[1:])
    assert under_way.when(EndVisit("threatened", T0 + MINUTE))[-1] == UNSAFE
    assert len(given(VISIT, *UNDER_WAY).when(EndVisit("threatened", T0 + MINUTE))) == 1


def test_where_the_policy_names_no_unsafe_end_unsafe_is_one_and_equipment_is_kept() -> None:
    (planned,) = given(VISIT).when(plan(equipment=("personal_alarm", "torch")))
    assert isinstance(planned, VisitPlanned)
    assert (planned.unsafe_ends, planned.equipment) == (("unsafe",), ("personal_alarm", "torch"))
    assert given(VISIT, PLANNED).when(plan(now=T0 - MINUTE)) == []


def test_duress_before_a_start_keeps_nobody_from_starting() -> None:
    visit = given(VISIT, *UNDER_WAY[:2], DURESS)
    assert visit.when(start()) == given(VISIT, *UNDER_WAY[:2]).when(start())
