"""During a visit: check-ins, reminders, the missed check-in, help, the watch after an escalation, the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

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
    command_of,
    next_due,
)
from shared.contracts.base import Event
from shared.contracts.visits import (
    CheckInMissed,
    CheckInRecorded,
    LateCheckInRecorded,
    ReminderDue,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitRefused,
    WatchResumed,
)
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.checkin.examples import (
    APPROVED,
    DUE,
    END,
    ENDED,
    GRACE,
    HOUR,
    INTERVAL,
    MINUTE,
    MISSED,
    NOTE,
    PLANNED,
    REMIND_BEFORE,
    RHYTHM,
    SECOND,
    STARTED,
    SUPERVISOR_ID,
    T0,
    UNDER_WAY,
    WORKER_ID,
    cites,
)

SUBJECT = DUE.isoformat()
HELP = VisitHelpRequested(
    visit_id="visit1", worker_id=WORKER_ID, site_id="site1", policy_id="policy1", policy_version=3, note=NOTE
)
BEFORE_START: list[tuple[Event, ...]] = [
    (PLANNED,),
    (PLANNED, APPROVED),
    (PLANNED, VisitRefused(visit_id="visit1", by=SUPERVISOR_ID, reason="not_alone")),
    (PLANNED, VisitCancelled(visit_id="visit1", reason="called_off")),
]
RESUMED = WatchResumed(visit_id="visit1", escalation_id="visit1.1", due_at=T0 + 130 * MINUTE, cites=RHYTHM)


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
