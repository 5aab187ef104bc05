"""Each expected thing has exactly one recorded end; whatever breaks that in a history is named with its position."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from services.audit.domain import Unreadable
from services.audit.domain.completeness import broken
from services.escalation.domain import ESCALATION
from shared.contracts import awaited, visits
from shared.contracts.base import Event
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.examples import CHECK_IN_MISSED, DEADLINE, DUE, ENDED, MINUTE, OPENED, PLANNED, STARTED, T0, VISIT
from tests.unit.audit.test_against_the_decider import ACTS, Afternoon

NEXT = DUE + 30 * MINUTE
MET = visits.CheckInRecorded(visit_id=VISIT, met_due_at=DUE, due_at=NEXT)

Found = list[tuple[str, str, int]]


def story(*rest: Happened) -> list[Happened]:
    return [happened(T0, PLANNED), happened(T0, STARTED, by="walt"), *rest]


def found(now: datetime, *rest: Happened) -> Found:
    """Return what breaks completeness in a visit that was planned and started: its kind, what is broken, and where."""
    return [
        (one.kind, one.what, one.position)
        for one in broken(VISIT, history_of(*story(*rest)), [], now)
        if one.what in {"check_in", "record"}
    ]


def at(moment: datetime, event: Event) -> Happened:
    return happened(moment, event, by="walt")


def test_a_check_in_that_came_and_a_visit_that_ended_are_complete() -> None:
    assert found(NEXT + 60 * MINUTE, at(DUE, MET), at(DUE + MINUTE, ENDED)) == []


def test_what_is_open_and_in_time_is_complete() -> None:
    assert found(DEADLINE + timedelta(seconds=9)) == []


def test_what_has_no_end_when_its_time_is_over_is_named_where_it_began() -> None:
    assert found(DEADLINE + timedelta(seconds=11)) == [("never_ended", "check_in", 2)]


def test_an_end_of_what_has_had_its_end_is_named() -> None:
    assert found(DUE + MINUTE, at(DUE, ENDED), at(DUE, MET)) == [("ended_twice", "check_in", 4)]


def test_an_end_of_what_never_began_is_named() -> None:
    history = history_of(happened(T0, PLANNED), at(DUE, MET))
    assert [(one.kind, one.position) for one in broken(VISIT, history, [], DUE) if one.what == "check_in"] == [
        ("without_beginning", 2)
    ]


def test_a_miss_before_the_time_was_over_is_named() -> None:
    early = happened(DUE, CHECK_IN_MISSED)
    assert found(DUE, early) == [("too_early", "check_in", 3)]


def test_an_end_that_names_another_time_is_named() -> None:
    other = MET.model_copy(update={"met_due_at": DUE + MINUTE})
    assert found(DUE, at(DUE, other)) == [("another", "check_in", 3)]


def test_what_nobody_can_read_may_have_begun_or_ended_anything() -> None:
    (one,) = broken(VISIT, history_of(happened(T0, PLANNED)), [Unreadable(7, "visit.check_in_recorded.v1")], T0)
    assert (one.kind, one.position, one.subject) == ("unreadable", 7, VISIT)
    assert "visit.check_in_recorded.v1" in one.sentence


@pytest.mark.parametrize("lost", [2, 3, 6])
def test_a_record_that_is_lost_leaves_something_incomplete(lost: int) -> None:
    resumed = awaited.WatchResumed(visit_id=VISIT, escalation_id="visit1.1", due_at=NEXT)
    whole = [
        at(DUE, MET),
        happened(NEXT + 6 * MINUTE, CHECK_IN_MISSED.model_copy(update={"due_at": NEXT})),
        at(NEXT + 7 * MINUTE, resumed.model_copy(update={"due_at": NEXT + 30 * MINUTE})),
        at(NEXT + 8 * MINUTE, ENDED),
    ]
    entries = story(*whole)
    assert [one.what for one in broken(VISIT, history_of(*entries), [], OPENED) if one.what == "check_in"] == []
    del entries[lost - 1]
    later = NEXT + 90 * MINUTE
    assert [one for one in broken(VISIT, history_of(*entries), [], later) if one.what == "check_in"]


@settings(max_examples=100, deadline=None)
@given(ACTS)
def test_whatever_people_do_at_whatever_times_an_escalation_is_complete_as_its_decider_has_it(
    acts: list[tuple[int, str, int, int]],
) -> None:
    afternoon = Afternoon()
    afternoon.decide(afternoon.raised("check_in_missed", "missed"))
    for what, who, other, seconds in acts:
        soonest = min((it.due_at for it in ESCALATION.deadlines(afternoon.state)), default=None)
        later = afternoon.now + timedelta(seconds=seconds)
        afternoon.now = later if soonest is None else max(afternoon.now, min(later, soonest))
        afternoon.act(what, who, other)
    faults = broken(VISIT, history_of(*afternoon.log), [], afternoon.now)
    # Nobody sends messages in this test, and the missed check-in itself is not in its history.
    alone = {("escalation", "without_beginning")}
    assert [one for one in faults if one.what != "notification" and (one.what, one.kind) not in alone] == []
