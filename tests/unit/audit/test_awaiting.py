"""What a timeline tells of a start, an end, a decision and a report that were awaited, and of what we could not do."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.audit.domain import Line, Timeline, timeline
from shared.contracts import escalations, visits
from shared.contracts.base import Event
from shared.contracts.roles import Role
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.answers import DEADLINE_FAILED, ask, lapsed, opened, parked, step_started
from tests.unit.audit.examples import (
    APPROVED,
    AWAITS,
    CLOCK,
    DUE,
    ESCALATION,
    MINUTE,
    OPENED,
    PLANNED,
    SECOND,
    STARTED,
    SUE,
    T0,
    VISIT,
    WALT,
    approval_overdue,
    begun,
    end_overdue,
    report_overdue,
    start_overdue,
)

LATER = T0 + timedelta(hours=6)
END = T0 + 120 * MINUTE
DECIDE_BY = T0 - 30 * MINUTE
PLAN = happened(T0 - 60 * MINUTE, PLANNED.model_copy(update={"awaits": AWAITS, "approval_due_at": DECIDE_BY}), by=SUE)
APPROVAL = happened(T0 - 50 * MINUTE, APPROVED.model_copy(update={"start_awaited_at": T0}), by=SUE)
START = happened(T0 + 5 * MINUTE, STARTED, by=WALT)


def ended(at: datetime) -> Happened:
    event = visits.VisitEnded(visit_id=VISIT, reason="completed", report_due_at=at + 60 * MINUTE)
    return happened(at, event, by=WALT)


def told(*entries: Happened) -> Timeline:
    return timeline(history_of(*entries), LATER)


def lines(of: Timeline, what: str) -> list[Line]:
    return [line for line in of.lines if line.kind == "expected" and line.what == what]


def outcomes(of: Timeline, what: str) -> list[str | None]:
    return [line.outcome for line in lines(of, what)]


def test_on_a_visit_that_goes_well_each_thing_awaited_came() -> None:
    reported = visits.VisitReported(visit_id=VISIT, by=WALT, went="well")
    well = told(PLAN, APPROVAL, START, ended(END), happened(END + 30 * MINUTE, reported, by=WALT))
    for what in ("approval", "start", "end", "report"):
        assert outcomes(well, what) == ["met"], what
    [start] = lines(well, "start")
    assert (
        start.sentence
        == "{walt} was to start the visit by 14:00:00: started at 14:05:00 (position 3), 5 min after its time."
    )
    assert (start.actor, start.clauses) == (WALT, ("start on time",))


def test_nothing_is_awaited_that_the_policy_does_not_await() -> None:
    visit = told(*begun(), ended(END))
    assert [outcomes(visit, what) for what in ("approval", "start", "end", "report")] == [[], [], [], []]


def test_what_did_not_come_is_missed_and_was_to_be_escalated() -> None:
    cases: tuple[tuple[str, tuple[Happened, ...], Event], ...] = (
        ("approval", (PLAN,), approval_overdue(DECIDE_BY)),
        ("start", (PLAN, APPROVAL), start_overdue(T0 + 15 * MINUTE)),
        ("end", (PLAN, APPROVAL, START), end_overdue(END, END + 10 * MINUTE)),
        ("report", (PLAN, APPROVAL, START, ended(END)), report_overdue(END + 60 * MINUTE)),
    )
    for what, before, overdue in cases:
        visit = told(*before, happened(LATER - MINUTE, overdue, by=CLOCK))
        assert outcomes(visit, what) == ["missed"], what
        [escalation] = lines(visit, "escalation")
        assert escalation.outcome == "open"
        assert escalation.sentence.startswith(f"The {what} that did not come was to open or join an escalation at once")


def test_a_visit_that_is_called_off_needs_no_decision_and_no_start() -> None:
    off = happened(T0 - 40 * MINUTE, visits.VisitCancelled(visit_id=VISIT, reason="ill"), by=SUE)
    assert outcomes(told(PLAN, off), "approval") == ["withdrawn"]
    assert outcomes(told(PLAN, APPROVAL, off), "start") == ["withdrawn"]


def test_an_extension_moves_the_end_that_is_awaited() -> None:
    extended = visits.VisitExtended(
        visit_id=VISIT, met_due_at=DUE, expected_end_at=END + 60 * MINUTE, due_at=DUE + 30 * MINUTE
    )
    visit = told(PLAN, APPROVAL, START, happened(DUE, extended, by=WALT), ended(END + 59 * MINUTE))
    assert outcomes(visit, "end") == ["withdrawn", "met"]
    assert lines(visit, "end")[1].occurred_at == END + 60 * MINUTE


def test_an_escalation_that_lapses_ends_by_itself_and_says_what_came() -> None:
    late = T0 + 15 * MINUTE
    visit = told(
        PLAN,
        APPROVAL,
        happened(late, start_overdue(late), by=CLOCK, event_id="overdue"),
        happened(late, opened("overdue")),
        happened(late, step_started(1, late + 10 * MINUTE, ask(1, SUE, Role.SUPERVISOR))),
        happened(late + MINUTE, STARTED, by=WALT),
        happened(late + MINUTE, lapsed(ask(2, SUE))),
    )
    assert outcomes(visit, "escalation") == ["met"]
    [step] = lines(visit, "step")
    assert step.outcome == "withdrawn"
    assert "not needed: lapsed, visit started," in step.sentence
    [escalation] = visit.summary.escalations
    assert escalation.lapsed_at == late + MINUTE
    assert "Escalation visit1.1 ended by itself: what was awaited came (visit started); told: {sue}." in {
        line.sentence for line in visit.lines
    }


def test_a_step_that_reached_nobody_brings_what_follows_forward() -> None:
    nobody = escalations.StepReachedNobody(escalation_id=ESCALATION, ladder_no=1, turn=1, next_at=OPENED + SECOND)
    visit = told(
        *begun(),
        happened(OPENED, opened()),
        happened(OPENED, step_started(1, OPENED + 10 * MINUTE, ask(1, SUE, Role.SUPERVISOR))),
        happened(OPENED + SECOND, nobody),
        happened(OPENED + 2 * SECOND, step_started(2, OPENED + 12 * MINUTE)),
    )
    forward, later, _ = sorted(lines(visit, "step"), key=lambda line: line.details["armed_by"])
    assert forward.outcome == "withdrawn"
    assert (later.outcome, later.occurred_at) == ("met", OPENED + SECOND)
    assert "since nobody could be told" in later.sentence


def test_a_record_that_several_consumers_set_aside_was_to_be_escalated_once() -> None:
    visit = told(
        *begun(),
        happened(OPENED, parked("escalation")),
        happened(OPENED, parked("notifier")),
        happened(OPENED, parked("escalation", position=10, behind="escalation.9")),
        happened(OPENED + SECOND, opened("parked-9")),
    )
    assert outcomes(visit, "escalation") == ["met"]


def test_a_deadline_that_failed_was_to_be_escalated() -> None:
    visit = told(*begun(), happened(OPENED, DEADLINE_FAILED, by=CLOCK))
    assert outcomes(visit, "escalation") == ["open"]
