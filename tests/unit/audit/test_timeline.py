"""What a timeline tells of a visit: each line of what happened, and each line of what was expected with its end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from services.audit.domain import Line, Timeline, people_in, shown, timeline
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.awaited import ReminderDue
from shared.contracts.escalations import AcknowledgementRanOut, EscalationJoined
from shared.contracts.roles import Role
from shared.contracts.visits import LateCheckInRecorded, VisitExtended, WorkerHelpRequested
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.answers import (
    accepted,
    acknowledged,
    ask,
    attempted,
    exhausted,
    not_reached,
    opened,
    queued,
    resolved,
    step_started,
    withdrawn,
)
from tests.unit.audit.examples import (
    CHECK_IN_MISSED,
    CLOCK,
    DEADLINE,
    DUE,
    ENDED,
    ESCALATION,
    HEIDI,
    HELP,
    HELP_REQUESTED,
    MINUTE,
    OPENED,
    SECOND,
    SUE,
    T0,
    VISIT,
    WALT,
    begun,
    checked_in,
    resumed,
)

LATER = T0 + timedelta(hours=6)


def told(*entries: Happened, now: datetime = LATER) -> Timeline:
    return timeline(history_of(*entries), now)


def expected(of: Timeline, what: str) -> list[Line]:
    return [line for line in of.lines if line.kind == "expected" and line.what == what]


def outcomes(of: Timeline, what: str) -> list[str | None]:
    return [line.outcome for line in expected(of, what)]


def missed() -> list[Happened]:
    """The check-in is missed and the supervisor is asked."""
    return [
        *begun(),
        happened(OPENED, CHECK_IN_MISSED, by=CLOCK, event_id="missed"),
        happened(OPENED, opened()),
        happened(OPENED, step_started(1, OPENED + 10 * MINUTE, ask(1, SUE, Role.SUPERVISOR))),
    ]


def silent() -> list[Happened]:
    """The supervisor is told and stays silent; the head of provision is asked."""
    second = OPENED + 10 * MINUTE
    return [
        *missed(),
        happened(OPENED + SECOND, queued(1, SUE)),
        happened(OPENED + SECOND, attempted(1, OPENED)),
        happened(OPENED + 2 * SECOND, accepted(1)),
        happened(second + SECOND, step_started(2, second + 10 * MINUTE, ask(2, HEIDI, Role.HEAD_OF_PROVISION))),
    ]


def test_on_a_quiet_visit_every_check_in_is_met_and_the_last_is_superseded_by_the_end() -> None:
    quiet = told(
        *begun(),
        happened(DUE - MINUTE, checked_in(DUE, DUE + 29 * MINUTE), by=WALT),
        happened(DUE + 20 * MINUTE, ENDED, by=WALT),
    )
    assert outcomes(quiet, "check_in") == ["met", "withdrawn"]
    assert quiet.summary.status == "ended"
    assert quiet.summary.escalations == ()
    assert quiet.summary.through == 5


def test_an_expected_check_in_cites_the_clauses_that_the_plan_cites() -> None:
    assert [line.clauses for line in expected(told(*begun()), "check_in")] == [("regular", "interval")]


def test_an_expected_check_in_names_its_time_its_worker_and_its_end() -> None:
    (first, _) = expected(told(*begun(), happened(DUE, checked_in(DUE, DUE + 30 * MINUTE), by=WALT)), "check_in")
    assert first.sentence == (
        "{walt} was to check in by 14:30:00 and 5 min of grace: checked in at 14:30:00 (position 4)."
    )
    assert first.actor == WALT
    assert first.occurred_at == DUE
    assert first.details["armed_by"] == 3
    assert first.details["ended_by"] == 4


def test_a_check_in_within_its_grace_is_met_and_says_how_long_after_its_time() -> None:
    (first, _) = expected(
        told(*begun(), happened(DEADLINE, checked_in(DUE, DEADLINE + 30 * MINUTE), by=WALT)), "check_in"
    )
    assert first.outcome == "met"
    assert first.sentence.endswith("(position 4), 5 min after its time.")


def test_a_check_in_that_came_before_the_miss_was_recorded_but_after_the_grace_is_met_late() -> None:
    (first, _) = expected(told(*begun(), happened(OPENED, checked_in(DUE, OPENED + 30 * MINUTE), by=WALT)), "check_in")
    assert first.outcome == "met_late"


def test_an_extension_meets_the_check_in_and_arms_the_next() -> None:
    extended = VisitExtended(
        visit_id=VISIT, met_due_at=DUE, expected_end_at=T0 + 180 * MINUTE, due_at=DUE + 20 * MINUTE
    )
    visit = told(*begun(), happened(DUE - 10 * MINUTE, extended, by=WALT), now=DUE)
    first, second = expected(visit, "check_in")
    assert (first.outcome, second.outcome) == ("met", "open")
    assert "met by the extension" in first.sentence
    assert second.occurred_at == DUE + 20 * MINUTE


def test_an_extension_during_a_missed_check_in_meets_and_arms_nothing() -> None:
    extended = VisitExtended(visit_id=VISIT, met_due_at=None, expected_end_at=T0 + 180 * MINUTE, due_at=None)
    visit = told(*missed(), happened(OPENED + MINUTE, extended, by=WALT))
    assert outcomes(visit, "check_in") == ["missed"]


def test_an_open_check_in_past_its_grace_says_so_though_no_miss_is_recorded() -> None:
    (first,) = expected(told(*begun(), now=DEADLINE + MINUTE), "check_in")
    assert first.outcome == "open"
    assert first.sentence.endswith(": open, 6 min past its time.")


def test_a_miss_cites_its_clause_and_a_late_check_in_does_not_undo_it() -> None:
    late = LateCheckInRecorded(visit_id=VISIT, missed_due_at=DUE)
    visit = told(*missed(), happened(OPENED + MINUTE, late, by=WALT))
    (first,) = expected(visit, "check_in")
    assert first.outcome == "missed"
    assert first.clauses == ("regular", "interval", "a miss is a failure")
    assert "none came; recorded as missed at 14:35:01 (position 4)" in first.sentence


def test_a_miss_must_open_an_escalation_and_stays_open_where_none_came() -> None:
    assert outcomes(told(*missed()), "escalation") == ["met"]
    (line,) = expected(told(*missed()[:4], now=OPENED + MINUTE), "escalation")
    assert line.outcome == "open"
    assert "1 min past its time" in line.sentence


def test_when_the_supervisor_is_silent_the_head_acknowledges_resolves_and_the_watch_goes_on() -> None:
    at = OPENED + 12 * MINUTE
    visit = told(
        *silent(),
        happened(at, acknowledged(HEIDI, at + 15 * MINUTE), by=HEIDI),
        happened(at + 9 * MINUTE, resolved(HEIDI, ask(3, SUE)), by=HEIDI),
        happened(at + 9 * MINUTE, resumed(at + 39 * MINUTE)),
        happened(at + 20 * MINUTE, ENDED, by=WALT),
    )
    assert outcomes(visit, "check_in") == ["missed", "withdrawn"]
    assert outcomes(visit, "step") == ["met", "withdrawn"]
    assert outcomes(visit, "resolution") == ["met"]
    (summary,) = visit.summary.escalations
    assert (summary.trigger, summary.due_at, summary.opened_at) == ("check_in_missed", DEADLINE, OPENED)
    assert (summary.first_attempt_at, summary.acknowledged_at) == (OPENED + SECOND, at)
    assert (summary.acknowledged_by, summary.resolved_at) == (HEIDI, at + 9 * MINUTE)
    assert [(step.step, step.told) for step in summary.steps] == [(1, (SUE,)), (2, (HEIDI,))]


def test_the_next_step_cites_the_wait_before_it_and_its_own_clause_and_says_what_is_ours() -> None:
    first, second = expected(told(*silent()), "step")
    assert first.clauses == ("supervisor first wait", "head next")
    assert first.ours
    assert first.sentence == (
        "Ladder 1 of visit1.1: step 2 (head next) was to start at 14:45:01:"
        " step 2 (head next) started at 14:45:02 (position 10), 1.0 s after its time."
    )
    assert second.clauses == ("head next wait", "repeats")


def test_a_step_that_started_long_after_its_time_is_met_late() -> None:
    late = happened(OPENED + 11 * MINUTE, step_started(2, OPENED + 21 * MINUTE, ask(2, HEIDI)))
    assert outcomes(told(*missed(), late), "step") == ["met_late", "open"]


def test_an_acknowledgement_stops_its_ladder_only() -> None:
    joined = EscalationJoined(
        escalation_id=ESCALATION,
        trigger="help",
        trigger_event_id="help",
        due_at=None,
        ladder=HELP,
        ladder_no=2,
        asks=(),
    )
    at = OPENED + MINUTE
    visit = told(
        *missed(),
        happened(at, acknowledged(SUE, at + 15 * MINUTE, 1), by=SUE),
        happened(at, HELP_REQUESTED, by=WALT, event_id="help"),
        happened(at, joined),
        happened(at, step_started(1, at + 2 * MINUTE, ask(2, SUE), ladder=HELP, ladder_no=2)),
        now=at,
    )
    assert outcomes(visit, "step") == ["open", "withdrawn"]
    assert outcomes(visit, "escalation") == ["met", "met"]
    assert expected(visit, "escalation")[1].clauses == ("ladder of help",)


def test_help_opens_its_own_ladder_and_the_check_in_goes_on() -> None:
    at = T0 + 5 * MINUTE
    visit = told(
        *begun(),
        happened(at, HELP_REQUESTED, by=WALT, event_id="help"),
        happened(at, opened("help", HELP)),
        happened(at, step_started(1, at + 2 * MINUTE, ask(1, SUE, Role.SUPERVISOR), ladder=HELP)),
        now=at,
    )
    assert outcomes(visit, "check_in") == ["open"]
    assert visit.summary.escalations[0].trigger == "help"
    assert visit.summary.escalations[0].due_at is None


def test_an_acknowledgement_that_ran_out_is_missed_and_its_ladder_goes_on() -> None:
    at = OPENED + MINUTE
    out = at + 15 * MINUTE
    ran_out = AcknowledgementRanOut(escalation_id=ESCALATION, by=SUE, asks=(ask(2, SUE),), next_at=out)
    visit = told(
        *missed(),
        happened(at, acknowledged(SUE, out), by=SUE),
        happened(out, ran_out),
        happened(out, step_started(2, out + 10 * MINUTE, ask(3, HEIDI))),
    )
    (promised,) = expected(visit, "resolution")
    assert (promised.outcome, promised.actor, promised.clauses) == ("missed", SUE, ("lasts",))
    assert outcomes(visit, "step") == ["withdrawn", "met", "open"]


def test_whoever_takes_a_graver_ladder_replaces_the_acknowledgement_before() -> None:
    at = OPENED + MINUTE
    visit = told(
        *missed(),
        happened(at, acknowledged(SUE, at + 15 * MINUTE, 1), by=SUE),
        happened(at + MINUTE, acknowledged(HEIDI, at + 16 * MINUTE, 2), by=HEIDI),
        now=at + MINUTE,
    )
    first, second = expected(visit, "resolution")
    assert (first.actor, first.outcome, second.actor, second.outcome) == (SUE, "withdrawn", HEIDI, "open")
    assert visit.summary.escalations[0].acknowledged_by == SUE


def test_an_exhausted_ladder_is_expected_to_tell_everyone_again_until_somebody_takes_it() -> None:
    first, second = OPENED + 20 * MINUTE, OPENED + 25 * MINUTE
    visit = told(
        *silent(),
        happened(first, exhausted(1, second, ask(3, SUE), ask(4, HEIDI))),
        happened(second, exhausted(2, second + 5 * MINUTE, ask(5, SUE), ask(6, HEIDI))),
        happened(second + MINUTE, acknowledged(SUE, second + 16 * MINUTE), by=SUE),
    )
    assert outcomes(visit, "step") == ["met", "met", "met", "withdrawn"]
    assert expected(visit, "step")[2].clauses == ("repeats",)
    assert [step.step for step in visit.summary.escalations[0].steps] == [1, 2, None, None]


def test_people_told_in_a_further_part_are_expected_like_the_others_and_no_further_turn_is() -> None:
    first = OPENED + 20 * MINUTE
    visit = told(
        *silent(),
        happened(first, exhausted(1, first + 5 * MINUTE, ask(3, SUE))),
        happened(first, exhausted(1, first + 5 * MINUTE, ask(4, HEIDI), part=2)),
        now=first,
    )
    assert outcomes(visit, "step") == ["met", "met", "open"]
    assert [line.actor for line in expected(visit, "notification")][-2:] == [SUE, HEIDI]
    assert visit.summary.escalations[0].steps[-1].told == (SUE, HEIDI)
    assert len(visit.summary.escalations[0].steps) == 3
    assert "part 2 of the same; told too: " in [line.sentence for line in visit.lines if line.position][-1].lower()


def test_an_unreadable_ladder_is_a_default_of_ours() -> None:
    visit = told(*missed()[:4], happened(OPENED, opened(ladder=None)), happened(OPENED, exhausted(1, LATER)))
    (line,) = [line for line in visit.lines if line.what == "escalation.opened.v1"]
    assert "could not be read, so everyone is told at once" in line.sentence
    assert outcomes(visit, "escalation") == ["met"]


def test_every_notification_ends_accepted_not_reached_withdrawn_or_is_open() -> None:
    asks = (ask(1, SUE), ask(2, HEIDI), ask(3, "liz"), ask(4, "sam"))
    visit = told(
        *missed()[:5],
        happened(OPENED, step_started(1, OPENED + 10 * MINUTE, *asks)),
        happened(OPENED + SECOND, accepted(1)),
        happened(OPENED + 15 * MINUTE, not_reached(2, HEIDI)),
        happened(OPENED + MINUTE * 16, withdrawn(3)),
    )
    assert outcomes(visit, "notification") == ["met", "missed", "withdrawn", "open"]
    assert {line.clauses for line in expected(visit, "notification")} == {("supervisor first",)}
    assert "not reached, every message failed" in expected(visit, "notification")[1].sentence


def test_a_reminder_is_expected_to_reach_the_worker() -> None:
    due = ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion="before", due_at=DUE)
    (line,) = expected(told(*begun(), happened(DUE - 5 * MINUTE, due, by=CLOCK)), "notification")
    assert (line.actor, line.outcome) == (WALT, "open")


def test_lines_stand_by_position_and_expected_ones_at_their_time() -> None:
    visit = told(*silent())
    positions = [line.position for line in visit.lines if line.position is not None]
    assert positions == sorted(positions)
    placed = [line.recorded_at or line.occurred_at for line in visit.lines]
    assert placed == sorted(placed)
    at = [line.what for line in visit.lines].index
    assert at("visit.started.v1") < at("check_in") < at("visit.check_in_missed.v1") < at("escalation.opened.v1")


def test_what_is_expected_at_once_stands_after_the_event_that_demands_it() -> None:
    whats = [line.what for line in told(*missed()).lines if OPENED in (line.recorded_at, line.occurred_at)]
    assert whats == [
        "visit.check_in_missed.v1",
        "escalation",
        "escalation.opened.v1",
        "escalation.step_started.v1",
        "notification",
    ]


def test_the_same_log_at_the_same_instant_gives_the_same_bytes() -> None:
    def once() -> str:
        visit = told(*silent())
        return json.dumps(shown(visit, {"visit_id": VISIT}, {WALT: "Walt", SUE: "Sue"}, {}))

    assert once() == once()


def test_what_is_known_grows_with_the_history_and_no_end_is_told_before_it_came() -> None:
    history = history_of(*silent())
    for length in range(len(history) + 1):
        lines = timeline(history[:length], OPENED).lines
        assert [line.position for line in lines if line.kind == "happened"] == list(range(1, length + 1))
        ends = [line.details["ended_by"] for line in lines if line.kind == "expected"]
        assert all(end is None or end <= length for end in ends)


def test_who_read_it_is_a_line_and_does_not_move_through() -> None:
    visit = told(*begun(), happened(LATER, TimelineDisclosed(subject_id=VISIT, to=HEIDI, through=3), by=HEIDI))
    assert visit.lines[-1].sentence == "{heidi} read this timeline through position 3."
    assert visit.summary.through == 3


def test_of_an_empty_history_there_is_nothing_to_tell() -> None:
    assert told().lines == ()
    assert (told().summary.status, told().summary.through) == ("absent", 0)


def test_help_without_a_visit_has_the_same_timeline() -> None:
    asked = WorkerHelpRequested(worker_id=WALT, site_id="north")
    visit = timeline(
        history_of(happened(T0, asked, by=SUE, event_id="help"), happened(T0, opened("help", HELP)), visit_id=None), T0
    )
    assert visit.lines[0].sentence == "{sue} asked for help without a visit for {walt}."
    assert outcomes(visit, "escalation") == ["met"]
    assert visit.summary.worker_id == WALT


def test_sealed_members_are_masked_and_only_the_place_and_notes_can_be_opened() -> None:
    planned = told(*begun()).lines[0]
    assert planned.details["place"] == "(sealed)"
    assert planned.details["contacts"][0]["name"] == "(sealed)"
    assert planned.details["contacts"][0]["phone"] == "(sealed)"
    assert set(planned.sealed) == {"place"}
    answer = shown(told(*begun()), {"visit_id": VISIT}, {}, {(1, "place"): "12 Mill Lane"})
    assert answer["lines"][0]["details"]["place"] == "12 Mill Lane"
    assert "07700 900123" not in json.dumps(answer)


def test_names_stand_in_the_answer_and_whoever_has_none_by_their_id() -> None:
    visit = told(*begun())
    assert people_in(visit) == (SUE, WALT)
    answer = shown(visit, {"visit_id": VISIT}, {WALT: "Walt Moor"}, {})
    assert answer["people"] == {WALT: "Walt Moor"}
    assert answer["lines"][1]["sentence"] == "sue approved the visit on the strength of assessment a1."
    assert answer["lines"][2]["sentence"].startswith("Walt Moor started the visit")
