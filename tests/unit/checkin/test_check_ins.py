"""During a visit: when the next check-in is due, check-ins, and extensions, which count as such."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.checkin.domain import (
    VISIT,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    next_due,
)
from shared.contracts.awaited import CheckInMissed
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitExtended,
)
from tests.support.given import given
from tests.unit.checkin.examples import (
    BEFORE_START,
    DUE,
    END,
    ENDED,
    GRACE,
    HOUR,
    INTERVAL,
    MINUTE,
    MISSED,
    RHYTHM,
    SECOND,
    T0,
    UNDER_WAY,
    cites,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

# ------------------------------------------------------------------------------------------------------- the next due


@pytest.mark.requirement("CI-02")
@pytest.mark.requirement("CI-03")
def test_a_miss_that_is_recorded_later_than_promised_says_why() -> None:
    (prompt,) = given(VISIT, *UNDER_WAY).when(MarkCheckInMissed(DUE, DUE + GRACE + 10 * SECOND))
    (late,) = given(VISIT, *UNDER_WAY).when(MarkCheckInMissed(DUE, DUE + GRACE + 11 * SECOND))
    assert isinstance(prompt, CheckInMissed)
    assert isinstance(late, CheckInMissed)
    assert (prompt.late, late.late) == (None, "nobody_looked_in_time")


def test_the_next_check_in_is_due_an_interval_from_now() -> None:
    assert next_due(T0, INTERVAL, END) == DUE


def test_the_next_check_in_is_due_at_the_expected_end_where_that_comes_first() -> None:
    assert next_due(END - MINUTE, INTERVAL, END) == END


def test_past_the_expected_end_check_ins_go_on_at_the_interval() -> None:
    assert next_due(END, INTERVAL, END) == END + INTERVAL


# ---------------------------------------------------------------------------------------------------------- check-ins


@pytest.mark.requirement("CI-02")
def test_a_check_in_meets_its_time_and_arms_the_next() -> None:
    at = T0 + 30 * MINUTE
    expected = CheckInRecorded(visit_id="visit1", met_due_at=DUE, due_at=at + INTERVAL, cites=RHYTHM)
    assert given(VISIT, *UNDER_WAY).when(CheckIn(at)) == [expected]


def test_a_check_in_within_the_grace_is_in_time() -> None:
    at = DUE + GRACE
    expected = CheckInRecorded(visit_id="visit1", met_due_at=DUE, due_at=at + INTERVAL, cites=RHYTHM)
    assert given(VISIT, *UNDER_WAY).when(CheckIn(at)) == [expected]


END_NOW = EndVisit("completed", DUE + GRACE + SECOND)
LATE = LateCheckInRecorded(visit_id="visit1", missed_due_at=DUE, cites=cites("4"))
EXTENDED_LATE = VisitExtended(visit_id="visit1", met_due_at=None, expected_end_at=END + HOUR, due_at=None, cites=RHYTHM)


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (CheckIn(DUE + GRACE + SECOND), LATE),
        (ExtendVisit(END + HOUR, DUE + GRACE + SECOND), EXTENDED_LATE),
        (END_NOW, ENDED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_comes_past_the_grace_records_the_miss_that_the_clock_has_not_seen_yet(
    command: CheckIn | ExtendVisit | EndVisit, left: Event
) -> None:
    visit = given(VISIT, *UNDER_WAY)
    assert visit.when(command) == [MISSED, left]
    after = visit.then(command)
    assert after.when(MarkCheckInMissed(DUE, DUE + GRACE + MINUTE)) == []
    assert after.deadlines == []


@pytest.mark.parametrize("at", [DUE + GRACE, DUE])
def test_whatever_comes_within_the_grace_misses_nothing(at: datetime) -> None:
    visit = given(VISIT, *UNDER_WAY)
    for command in (CheckIn(at), ExtendVisit(END + HOUR, at), EndVisit("completed", at)):
        assert MISSED.type not in {event.type for event in visit.when(command)}


def test_a_check_in_after_the_miss_is_late_and_rearms_nothing() -> None:
    visit = given(VISIT, *UNDER_WAY, MISSED)
    late = CheckIn(DUE + GRACE + MINUTE)
    assert visit.when(late) == [LateCheckInRecorded(visit_id="visit1", missed_due_at=DUE, cites=cites("4"))]
    assert visit.then(late).state == visit.state


@pytest.mark.parametrize("history", BEFORE_START)
def test_nobody_checks_in_to_a_visit_that_has_not_started(history: tuple[Event, ...]) -> None:
    visit = given(VISIT, *history)
    assert visit.rejected(CheckIn(T0)) == "not_started"
    assert visit.rejected(ExtendVisit(END + HOUR, T0)) == "not_started"
    assert visit.rejected(EndVisit("completed", T0)) == "not_started"


def test_nobody_checks_in_to_a_visit_that_has_ended() -> None:
    visit = given(VISIT, *UNDER_WAY, ENDED)
    assert visit.rejected(CheckIn(DUE)) == "visit_ended"
    assert visit.rejected(ExtendVisit(END + HOUR, T0)) == "visit_ended"


# --------------------------------------------------------------------------------------------------------- extensions


@pytest.mark.requirement("CI-05")
def test_an_extension_counts_as_a_check_in() -> None:
    at = T0 + 30 * MINUTE
    expected = VisitExtended(
        visit_id="visit1", met_due_at=DUE, expected_end_at=END + HOUR, due_at=T0 + 30 * MINUTE + INTERVAL, cites=RHYTHM
    )
    assert given(VISIT, *UNDER_WAY).when(ExtendVisit(END + HOUR, at)) == [expected]


@pytest.mark.requirement("CI-02")
@pytest.mark.requirement("CI-05")
def test_an_extension_by_a_day_defers_no_check_in_beyond_the_interval() -> None:
    visit = given(VISIT, *UNDER_WAY).then(ExtendVisit(END + timedelta(days=1), T0 + MINUTE))
    assert visit.state.due_at == T0 + MINUTE + INTERVAL


def test_check_ins_after_an_extension_follow_the_new_end() -> None:
    visit = given(VISIT, *UNDER_WAY).then(ExtendVisit(END + HOUR, T0 + 50 * MINUTE))
    in_time = visit.then(CheckIn(T0 + 110 * MINUTE))
    assert in_time.state.due_at == T0 + 170 * MINUTE
    assert in_time.then(CheckIn(T0 + 170 * MINUTE)).state.due_at == END + HOUR


def test_an_earlier_end_brings_the_check_in_forward() -> None:
    visit = given(VISIT, *UNDER_WAY).then(ExtendVisit(T0 + 20 * MINUTE, T0 + MINUTE))
    assert visit.state.due_at == T0 + 20 * MINUTE


@pytest.mark.requirement("CI-05")
def test_a_new_end_lies_ahead() -> None:
    assert given(VISIT, *UNDER_WAY).rejected(ExtendVisit(T0 + MINUTE, T0 + MINUTE)) == "end_in_the_past"


def test_an_extension_after_the_miss_changes_the_end_and_rearms_nothing() -> None:
    visit = given(VISIT, *UNDER_WAY, MISSED)
    command = ExtendVisit(END + HOUR, DUE + HOUR)
    assert visit.when(command) == [
        VisitExtended(visit_id="visit1", met_due_at=None, expected_end_at=END + HOUR, due_at=None, cites=RHYTHM)
    ]
    extended = visit.then(command)
    assert (extended.state.expected_end_at, extended.state.missed, extended.deadlines) == (END + HOUR, True, [])
