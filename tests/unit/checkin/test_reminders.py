"""During a visit: its deadlines, and the reminders before a check-in is due and when it is."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from services.checkin.domain import (
    VISIT,
    CheckIn,
    MarkCheckInMissed,
    RemindWorker,
    command_of,
)
from shared.contracts.awaited import ReminderDue
from shared.contracts.visits import (
    CheckInRecorded,
)
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.checkin.examples import (
    APPROVED,
    BEFORE_START,
    DUE,
    END,
    ENDED,
    GRACE,
    INTERVAL,
    MINUTE,
    MISSED,
    PLANNED,
    REMIND_BEFORE,
    RHYTHM,
    SECOND,
    STARTED,
    T0,
    UNDER_WAY,
    WORKER_ID,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

SUBJECT = DUE.isoformat()


def reminder(number: int, occasion: str) -> ReminderDue:
    """Return the event of one reminder of the first check-in."""
    return ReminderDue.model_validate(
        {
            "visit_id": "visit1",
            "worker_id": WORKER_ID,
            "reminder_id": f"visit1.r{number}",
            "occasion": occasion,
            "due_at": DUE,
            "cites": {"clauses": ("4", "4.3")},
        }
    )


# ---------------------------------------------------------------------------------------------- deadlines and reminders


def test_a_started_visit_leaves_a_deadline_for_the_miss_and_two_for_reminders() -> None:
    assert given(VISIT, *UNDER_WAY).deadlines == [
        Deadline("check_in_missed", SUBJECT, DUE + GRACE),
        Deadline("reminder_at", SUBJECT, DUE),
        Deadline("reminder_before", SUBJECT, DUE - REMIND_BEFORE),
    ]


@pytest.mark.parametrize("history", [(), *BEFORE_START, (*UNDER_WAY, MISSED), (*UNDER_WAY, ENDED)])
def test_a_visit_that_is_not_watched_leaves_no_deadline(history: tuple[Event, ...]) -> None:
    assert given(VISIT, *history).deadlines == []


def test_a_deadline_stands_for_its_command() -> None:
    by_kind = {deadline.kind: command_of(deadline, END) for deadline in given(VISIT, *UNDER_WAY).deadlines}
    assert by_kind == {
        "check_in_missed": MarkCheckInMissed(DUE, END),
        "reminder_before": RemindWorker("before", DUE, END),
        "reminder_at": RemindWorker("at", DUE, END),
    }


def test_a_deadline_of_another_kind_is_no_visits() -> None:
    with pytest.raises(ValueError, match="no deadline of kind 'step'"):
        command_of(Deadline("step", SUBJECT, DUE), DUE)


def test_a_deadline_has_the_same_name_in_every_time_zone() -> None:
    here = STARTED.model_copy(update={"due_at": DUE.astimezone(timezone(timedelta(hours=2)))})
    assert given(VISIT, PLANNED, APPROVED, here).deadlines == given(VISIT, *UNDER_WAY).deadlines


def test_the_worker_is_reminded_before_the_check_in_is_due_and_when_it_is() -> None:
    visit = given(VISIT, *UNDER_WAY)
    before = RemindWorker("before", DUE, DUE - REMIND_BEFORE + SECOND)
    at = RemindWorker("at", DUE, DUE + SECOND)
    assert visit.when(before) == [reminder(1, "before")]
    assert visit.then(before).when(at) == [reminder(2, "at")]
    assert [d.kind for d in visit.then(before).deadlines] == ["check_in_missed", "reminder_at"]
    assert [d.kind for d in visit.then(before).then(at).deadlines] == ["check_in_missed"]


def test_a_reminder_is_given_once() -> None:
    visit = given(VISIT, *UNDER_WAY, reminder(1, "before"))
    assert visit.when(RemindWorker("before", DUE, DUE)) == []


def test_who_was_not_looked_at_before_the_check_in_is_due_gets_one_reminder_and_no_deadline_stays() -> None:
    visit = given(VISIT, *UNDER_WAY)
    for at in (DUE, DUE + SECOND):
        late = RemindWorker("before", DUE, at)
        assert visit.when(late) == [reminder(1, "at")]
        assert [deadline.kind for deadline in visit.then(late).deadlines] == ["check_in_missed"]
        assert visit.then(late).when(late) == []
        assert visit.then(late).when(RemindWorker("at", DUE, at + SECOND)) == []


def test_a_reminder_is_not_given_early() -> None:
    visit = given(VISIT, *UNDER_WAY)
    assert visit.when(RemindWorker("before", DUE, DUE - REMIND_BEFORE)) == []
    assert visit.when(RemindWorker("at", DUE, DUE)) == []


def test_nobody_is_reminded_of_a_check_in_that_was_met_missed_or_ended() -> None:
    met = CheckInRecorded(visit_id="visit1", met_due_at=DUE, due_at=DUE + INTERVAL, cites=RHYTHM)
    for last in (met, MISSED, ENDED):
        assert given(VISIT, *UNDER_WAY, last).when(RemindWorker("at", DUE, DUE + SECOND)) == []


def test_reminders_of_the_next_check_in_have_ids_of_their_own() -> None:
    visit = given(VISIT, *UNDER_WAY, reminder(1, "before")).then(CheckIn(T0 + 55 * MINUTE))
    due_at = T0 + 55 * MINUTE + INTERVAL
    [event] = visit.when(RemindWorker("before", due_at, due_at))
    assert isinstance(event, ReminderDue)
    assert event.reminder_id == "visit1.r2"


def test_who_was_reminded_of_the_expected_end_is_not_reminded_of_it_again() -> None:
    visit = given(VISIT, *UNDER_WAY).then(CheckIn(T0 + 50 * MINUTE)).then(CheckIn(T0 + 100 * MINUTE))
    reminded = visit.then(RemindWorker("before", END, END - MINUTE)).then(CheckIn(END - 30 * SECOND))
    assert reminded.state.due_at == END
    assert [deadline.kind for deadline in reminded.deadlines] == ["check_in_missed", "reminder_at"]


def test_no_reminder_comes_together_with_the_check_in_before_it() -> None:
    often = PLANNED.model_copy(update={"interval": REMIND_BEFORE})
    visit = given(VISIT, often, APPROVED, STARTED)
    assert [deadline.kind for deadline in visit.deadlines] == ["check_in_missed", "reminder_at"]
