"""During a visit: the missed check-in, help, the watch after an escalation, the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from services.checkin.domain import (
    VISIT,
    AskForHelp,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    RemindWorker,
    ResumeWatch,
)
from shared.contracts.awaited import WatchResumed
from shared.contracts.visits import (
    CheckInRecorded,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
)
from shared.decider import Deadline
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
    NOTE,
    RHYTHM,
    SECOND,
    T0,
    UNDER_WAY,
    WORKER_ID,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

HELP = VisitHelpRequested(
    visit_id="visit1", worker_id=WORKER_ID, site_id="site1", policy_id="policy1", policy_version=3, note=NOTE
)


RESUMED = WatchResumed(visit_id="visit1", escalation_id="visit1.1", due_at=T0 + 130 * MINUTE, cites=RHYTHM)


# ------------------------------------------------------------------------------------------------ the missed check-in


@pytest.mark.requirement("M-01")
def test_a_check_in_is_missed_when_its_grace_is_over() -> None:
    assert given(VISIT, *UNDER_WAY).when(MarkCheckInMissed(DUE, DUE + GRACE + SECOND)) == [MISSED]


def test_a_check_in_is_not_missed_at_the_last_instant_of_its_grace() -> None:
    assert given(VISIT, *UNDER_WAY).when(MarkCheckInMissed(DUE, DUE + GRACE)) == []


def test_a_check_in_is_missed_once() -> None:
    assert given(VISIT, *UNDER_WAY, MISSED).when(MarkCheckInMissed(DUE, DUE + HOUR)) == []


def test_a_check_in_that_was_met_is_not_missed() -> None:
    met = CheckInRecorded(visit_id="visit1", met_due_at=DUE, due_at=DUE + INTERVAL, cites=RHYTHM)
    assert given(VISIT, *UNDER_WAY, met).when(MarkCheckInMissed(DUE, DUE + HOUR)) == []


@pytest.mark.parametrize("history", [*BEFORE_START, (*UNDER_WAY, ENDED)])
def test_nothing_is_missed_on_a_visit_that_is_not_under_way(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).when(MarkCheckInMissed(DUE, DUE + HOUR)) == []


# --------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize(
    "history",
    [
        *BEFORE_START,
        UNDER_WAY,
        (*UNDER_WAY, MISSED),
        (*UNDER_WAY, ENDED),
        (*UNDER_WAY, MISSED, RESUMED),
        (*UNDER_WAY, HELP),
    ],
)
@pytest.mark.requirement("DU-04")
def test_help_is_taken_in_every_state_of_a_visit(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).when(AskForHelp(NOTE, T0)) == [HELP]


def test_a_call_for_help_leaves_the_watch_as_it_is() -> None:
    visit = given(VISIT, *UNDER_WAY)
    assert visit.then(AskForHelp(None, T0)).state == visit.state


def test_help_on_a_visit_that_was_never_planned_belongs_to_the_worker() -> None:
    assert given(VISIT).rejected(AskForHelp(NOTE, T0)) == "visit_unknown"


# ------------------------------------------------------------------------------------------------------ after the miss


def test_the_watch_resumes_after_an_escalation_with_a_new_deadline() -> None:
    visit = given(VISIT, *UNDER_WAY, MISSED)
    command = ResumeWatch("visit1.1", T0 + 70 * MINUTE)
    assert visit.when(command) == [RESUMED]
    resumed = visit.then(command)
    assert Deadline("check_in_missed", RESUMED.due_at.isoformat(), RESUMED.due_at + GRACE) in resumed.deadlines
    assert resumed.when(MarkCheckInMissed(DUE, END)) == []


def test_a_check_in_after_the_watch_resumed_is_in_time_again() -> None:
    visit = given(VISIT, *UNDER_WAY, MISSED, RESUMED)
    [event] = visit.when(CheckIn(RESUMED.due_at))
    assert event == CheckInRecorded(visit_id="visit1", met_due_at=RESUMED.due_at, due_at=END, cites=RHYTHM)


@pytest.mark.parametrize("at", [T0 + 70 * MINUTE, DUE, DUE + GRACE + SECOND])
def test_the_end_of_an_escalation_puts_off_no_check_in_that_is_still_awaited(at: datetime) -> None:
    visit = given(VISIT, *UNDER_WAY, HELP)
    assert visit.when(ResumeWatch("visit1.1", at)) == []
    assert visit.when(MarkCheckInMissed(DUE, DUE + GRACE + SECOND)) == [MISSED]


def test_one_escalation_resumes_the_watch_once() -> None:
    again = MISSED.model_copy(update={"due_at": RESUMED.due_at})
    visit = given(VISIT, *UNDER_WAY, MISSED, RESUMED, again)
    assert visit.when(ResumeWatch("visit1.1", END)) == []
    assert visit.then(ResumeWatch("visit1.2", END)).state.watched


@pytest.mark.parametrize("history", [*BEFORE_START, (*UNDER_WAY, ENDED)])
def test_there_is_no_watch_to_resume_on_a_visit_that_is_not_under_way(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).when(ResumeWatch("visit1.1", END)) == []


def test_the_watch_resumes_at_the_interval_once_the_expected_end_has_passed() -> None:
    visit = given(VISIT, *UNDER_WAY, MISSED).then(ResumeWatch("visit1.1", END + MINUTE))
    assert visit.state.due_at == END + MINUTE + INTERVAL


# ------------------------------------------------------------------------------------------------------------ the end


@pytest.mark.requirement("CI-07")
@pytest.mark.requirement("PV-01")
def test_a_visit_ends_missed_check_in_or_not() -> None:
    for history in (UNDER_WAY, (*UNDER_WAY, MISSED)):
        assert given(VISIT, *history).when(EndVisit("completed", DUE)) == [ENDED]


def test_ending_twice_for_the_same_reason_changes_nothing() -> None:
    assert given(VISIT, *UNDER_WAY, ENDED).when(EndVisit("completed", DUE)) == []


def test_a_visit_that_ended_does_not_end_for_another_reason() -> None:
    assert given(VISIT, *UNDER_WAY, ENDED).rejected(EndVisit("unwell", DUE)) == "visit_ended"
    assert isinstance(given(VISIT, *UNDER_WAY).when(EndVisit("unwell", DUE))[0], VisitEnded)


@pytest.mark.parametrize(
    "command", [MarkCheckInMissed(DUE, END), RemindWorker("at", DUE, END), ResumeWatch("visit1.1", END)], ids=str
)
def test_the_clock_and_an_escalation_cannot_ask_about_a_visit_that_was_never_planned(
    command: MarkCheckInMissed | RemindWorker | ResumeWatch,
) -> None:
    assert given(VISIT).rejected(command) == "visit_unknown"


def test_an_extension_is_recorded_in_utc() -> None:
    zone = timezone(timedelta(hours=-4))
    [event] = given(VISIT, *UNDER_WAY).when(ExtendVisit((END + HOUR).astimezone(zone), T0))
    assert isinstance(event, VisitExtended)
    assert event.expected_end_at.tzinfo is UTC
