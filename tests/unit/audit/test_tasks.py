"""What is expected of tasks and of signals, and the one end that each has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.audit.domain import Line, Timeline, timeline
from shared.contracts.base import Event
from shared.contracts.escalations import AcknowledgementRanOut, StepReachedNobody
from shared.contracts.roles import Role
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.answers import accepted, acknowledged, ask, exhausted, lapsed, opened, resolved
from tests.unit.audit.examples import CHECK_IN_MISSED, CLOCK, DUE, ESCALATION, HEIDI, MINUTE, OPENED, SUE, WALT, begun
from tests.unit.audit.protocol import (
    ADA,
    DURESS_ON_VISIT,
    DURESS_WITHOUT_VISIT,
    PROTOCOL,
    REPORTED_WITHOUT_VISIT,
    done,
    handed_over,
    joined,
    offered,
    passed_on,
    reported,
    taken,
)

LATER = OPENED + timedelta(hours=6)
TAKE_BY, NEXT = OPENED + 3 * MINUTE, OPENED + 10 * MINUTE
TO_ADA = ask(1, ADA, Role.ADMINISTRATOR)


def offered_to_ada() -> list[Happened]:
    """A check-in was missed, and Ada is to ring the mobile."""
    return [
        *begun(),
        happened(OPENED, CHECK_IN_MISSED, by=CLOCK, event_id="missed"),
        happened(OPENED, opened("missed", PROTOCOL)),
        happened(OPENED, offered(1, NEXT, TAKE_BY, TO_ADA)),
    ]


def told(*entries: Happened) -> Timeline:
    return timeline(history_of(*entries), LATER)


def lines(of: Timeline, what: str) -> list[Line]:
    found = [line for line in of.lines if line.kind == "expected" and line.what == what]
    return sorted(found, key=lambda line: line.details["armed_by"])


def outcomes(of: Timeline, what: str) -> list[str | None]:
    return [line.outcome for line in lines(of, what)]


def after(*events: tuple[int, Event]) -> Timeline:
    """Return what is told when these come so many minutes after the task was offered."""
    return told(*offered_to_ada(), *(happened(OPENED + minutes * MINUTE, event) for minutes, event in events))


def test_a_task_offered_is_expected_to_be_taken_until_it_passes_on_and_cites_why() -> None:
    [line] = lines(after(), "task")
    assert (line.outcome, line.occurred_at) == ("open", TAKE_BY)
    assert line.sentence.startswith("Task 1-1 (Ring the mobile) of visit1.1 was to be taken until 14:38:01: open")
    assert line.clauses == ("mobile", "mobile taken")


def test_a_task_that_is_taken_is_expected_to_be_done_by_whoever_took_it() -> None:
    offer, held = lines(after((1, taken(ADA, OPENED + 5 * MINUTE))), "task")
    assert (offer.outcome, held.outcome) == ("met", "open")
    assert "{ada} took it at 14:36:01" in offer.sentence
    assert (held.actor, held.occurred_at, held.clauses) == (ADA, OPENED + 5 * MINUTE, ("finish in time",))
    assert "was to be done by {ada} until 14:40:01" in held.sentence


def test_a_task_that_is_done_ends_what_was_expected_with_what_came_of_it() -> None:
    visit = after((1, taken(ADA, OPENED + 5 * MINUTE)), (2, done(ADA, "no_answer", 2, OPENED + 7 * MINUTE)))
    assert outcomes(visit, "task") == ["met", "met"]
    held = lines(visit, "task")[1]
    assert "done by {ada}, no answer, at 14:37:01" in held.sentence
    assert held.clauses == ("finish in time", "outcome no_answer")


@pytest.mark.parametrize(
    ("reason", "by", "outcome", "how"),
    [
        ("untaken", None, "missed", "nobody took it; it passed on"),
        ("reached_nobody", None, "withdrawn", "nobody who was offered it could be told"),
    ],
)
def test_a_task_that_passes_on_untaken_is_expected_of_the_next(reason: str, by: None, outcome: str, how: str) -> None:
    event = passed_on("untaken", by, OPENED + 6 * MINUTE, ask(2, SUE, Role.SUPERVISOR))
    first, second = lines(after((3, event.model_copy(update={"reason": reason}))), "task")
    assert first.outcome == outcome
    assert f"{how} at 14:38:01" in first.sentence
    assert (second.outcome, second.occurred_at, second.clauses) == ("open", OPENED + 6 * MINUTE, ("pass it on",))


@pytest.mark.parametrize(("reason", "outcome"), [("unfinished", "missed"), ("given_back", "withdrawn")])
def test_a_task_that_its_holder_let_go_is_expected_to_be_taken_again(reason: str, outcome: str) -> None:
    event = passed_on("unfinished", ADA, OPENED + 8 * MINUTE, ask(2, SUE))
    visit = after((1, taken(ADA, OPENED + 5 * MINUTE)), (5, event.model_copy(update={"reason": reason})))
    assert outcomes(visit, "task") == ["met", outcome, "open"]


def test_with_nobody_left_to_offer_it_to_it_is_expected_until_the_ladder_goes_on_without_it() -> None:
    visit = after((3, passed_on("untaken", None, None)), (10, offered(2, NEXT + 10 * MINUTE, None, ask(2, ADA))))
    first, second, again = lines(visit, "task")
    assert (first.outcome, second.outcome) == ("missed", "missed")
    assert second.occurred_at == NEXT
    assert "the ladder went on to step 2 at 14:45:01" in second.sentence
    assert (again.outcome, again.occurred_at) == ("open", NEXT + 10 * MINUTE)


def test_nobody_is_expected_to_take_what_nobody_was_offered() -> None:
    visit = told(*offered_to_ada()[:5], happened(OPENED, offered(1, OPENED, None)))
    assert lines(visit, "task") == []


def test_handed_over_it_stays_expected_of_its_holder_until_the_other_takes_it() -> None:
    asked = after((1, taken(ADA, OPENED + 5 * MINUTE)), (2, handed_over(ADA, ask(2, SUE))))
    assert outcomes(asked, "task") == ["met", "open"]
    assert lines(asked, "task")[1].actor == ADA
    assert [line.actor for line in lines(asked, "notification")] == [ADA, SUE]
    accepted_by_sue = (3, taken(SUE, OPENED + 7 * MINUTE, handed_by=ADA))
    visit = after((1, taken(ADA, OPENED + 5 * MINUTE)), (2, handed_over(ADA, ask(2, SUE))), accepted_by_sue)
    assert outcomes(visit, "task") == ["met", "withdrawn", "open"]
    assert "{sue} took it over" in lines(visit, "task")[1].sentence
    assert lines(visit, "task")[2].actor == SUE


def test_a_ladder_that_goes_on_before_a_task_is_due_withdraws_what_was_expected_of_it() -> None:
    nobody = StepReachedNobody(escalation_id=ESCALATION, ladder_no=1, turn=1, next_at=OPENED + MINUTE)
    visit = after((1, nobody), (1, offered(2, NEXT, None, ask(2, ADA))))
    assert outcomes(visit, "task") == ["withdrawn", "open"]


def test_a_task_taken_after_the_ladder_has_gone_on_is_expected_at_no_time() -> None:
    visit = after(
        (10, offered(2, NEXT + 10 * MINUTE, None, ask(2, SUE))), (11, taken(ADA, None)), (12, done(ADA, "safe"))
    )
    assert outcomes(visit, "task") == ["missed", "open"]


ENDS: tuple[tuple[str, tuple[Event, ...], str], ...] = (
    ("acknowledged", (acknowledged(SUE, NEXT),), "stopped by the acknowledgement of {sue}"),
    ("stopped", (joined("duress", 1),), "stopped, since ladder 2 runs instead,"),
    ("resolved", (resolved(SUE),), "not needed: the escalation ended"),
    ("lapsed", (lapsed(),), "not needed: the escalation ended"),
)


@pytest.mark.parametrize(("events", "how"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS])
@pytest.mark.parametrize("held", [False, True], ids=["offered", "held"])
def test_what_stops_a_ladder_ends_what_is_expected_of_its_tasks(
    events: tuple[Event, ...], how: str, *, held: bool
) -> None:
    before: tuple[tuple[int, Event], ...] = ((1, taken(ADA, OPENED + 5 * MINUTE)),) if held else ()
    visit = after(*before, *((2, event) for event in events))
    last = lines(visit, "task")[-1]
    assert last.outcome == "withdrawn"
    assert f"{how} at 14:37:01" in last.sentence
    assert outcomes(visit, "step") == ["withdrawn"]


def test_exhaustion_ends_what_is_expected_of_a_task_and_expects_no_other() -> None:
    visit = after((10, exhausted(1, NEXT + 5 * MINUTE, ask(3, SUE))))
    [task] = lines(visit, "task")
    assert task.outcome == "missed"
    assert "no step was left and everyone was told" in task.sentence


def test_the_next_step_is_expected_at_the_time_that_an_outcome_sets() -> None:
    earlier = OPENED + 7 * MINUTE
    visit = after((2, done(ADA, "no_answer", 2, earlier)), (7, offered(2, earlier + 10 * MINUTE, None, ask(2, ADA))))
    first, second, third = lines(visit, "step")
    assert first.outcome == "withdrawn"
    assert "set anew by what came of task 1-1 (Ring the mobile)" in first.sentence
    assert (second.outcome, second.occurred_at) == ("met", earlier)
    assert second.sentence.startswith(
        "Ladder 1 of visit1.1: step 2 (Ring the mobile again) was to start, after task 1-1 (Ring the mobile), at 14:42:01:"
    )
    assert second.clauses == ("outcome no_answer", "again after 5 minutes", "again")
    assert third.outcome == "open"


def test_an_outcome_that_leads_past_the_last_step_is_expected_to_tell_everyone() -> None:
    visit = after((2, done(ADA, "give_up", 5, OPENED + 2 * MINUTE)), (2, exhausted(1, NEXT, ask(2, SUE))))
    assert outcomes(visit, "step") == ["withdrawn", "met", "open"]
    assert "everyone was to be told, after task 1-1" in lines(visit, "step")[1].sentence


def test_an_outcome_that_changes_no_time_leaves_the_next_step_as_it_was() -> None:
    visit = after((2, done(ADA, "no_answer")))
    [step] = lines(visit, "step")
    assert (step.outcome, step.occurred_at) == ("open", NEXT)


def test_an_outcome_while_somebody_has_acknowledged_is_expected_to_start_nothing_until_that_runs_out() -> None:
    out = OPENED + 15 * MINUTE
    ran_out = AcknowledgementRanOut(escalation_id=ESCALATION, by=SUE, ladders=(1,), asks=(), next_at=out)
    held = ((1, acknowledged(SUE, out)), (2, done(ADA, "no_answer", 2, OPENED + 7 * MINUTE)))
    assert outcomes(after(*held), "step") == ["withdrawn"]
    assert [line.occurred_at for line in lines(after(*held, (15, ran_out)), "step")] == [NEXT, out]


def test_a_step_is_expected_to_lead_where_its_policy_says() -> None:
    visit = told(*offered_to_ada()[:5], happened(OPENED, offered(3, NEXT, None, ask(1, SUE))))
    [step] = lines(visit, "step")
    assert "no step is left, so everyone was to be told at 14:45:01" in step.sentence


def test_a_step_that_starts_in_exhaustion_is_followed_by_the_next_round() -> None:
    again = NEXT + 5 * MINUTE
    visit = after((10, exhausted(2, again)), (11, offered(4, again + MINUTE, None, ask(3, SUE))))
    assert "everyone was to be told again (round 3) at 14:51:01" in lines(visit, "step")[-1].sentence


def test_a_ladder_that_another_one_stopped_does_not_go_on_when_an_acknowledgement_runs_out() -> None:
    out = OPENED + 15 * MINUTE
    ran_out = AcknowledgementRanOut(escalation_id=ESCALATION, by=SUE, ladders=(2,), asks=(), next_at=out)
    visit = after(
        (1, joined("duress", 1)),
        (1, offered(1, NEXT, None, ask(2, SUE), ladder_no=2)),
        (2, acknowledged(SUE, out, 2)),
        (15, ran_out),
    )
    assert [line.sentence.partition(" of ")[0] for line in lines(visit, "step")] == ["Ladder 1", "Ladder 2", "Ladder 2"]
    assert outcomes(visit, "step") == ["withdrawn", "withdrawn", "open"]


@pytest.mark.parametrize(
    ("event", "saying"),
    [
        (DURESS_ON_VISIT, "The duress that was signalled"),
        (DURESS_WITHOUT_VISIT, "The duress that was signalled"),
        (reported("break_in"), "The report of a suspected break-in"),
        (REPORTED_WITHOUT_VISIT, "The report of unplanned lone working"),
    ],
    ids=["duress", "duress without a visit", "situation", "situation without a visit"],
)
def test_what_somebody_signals_is_expected_to_open_or_join_an_escalation(event: Event, saying: str) -> None:
    signalled = happened(DUE, event, by=WALT, event_id="duress")
    [alone] = lines(told(*begun(), signalled), "escalation")
    assert alone.outcome == "open"
    assert alone.sentence.startswith(f"{saying} was to open or join an escalation at once: open")
    assert outcomes(told(*begun(), signalled, happened(DUE, joined("duress"))), "escalation") == ["met"]
    assert outcomes(told(*begun(), signalled, happened(DUE, opened("duress", PROTOCOL))), "escalation") == ["met"]


def test_a_code_word_is_expected_to_raise_duress_and_says_of_which_task_it_came() -> None:
    word = done(ADA, "code_word")
    missed, raised = lines(after((2, word)), "escalation")
    assert (missed.outcome, raised.outcome) == ("met", "open")
    assert raised.sentence.startswith("Duress, which came of task 1-1 (Ring the mobile), was to open or join")
    assert raised.clauses == ("outcome code_word",)
    visit = after((2, word), (2, joined("duress", 1, event_id="of-the-task")))
    assert outcomes(visit, "escalation") == ["met", "met"]


def test_a_code_word_that_has_raised_duress_already_is_not_expected_to_again() -> None:
    by_another = joined("duress", 1, event_id=f"{ESCALATION}.1-1.code_word")
    assert outcomes(after((1, by_another), (2, done(ADA, "code_word"))), "escalation") == ["met"]


def test_whoever_is_told_of_a_task_is_expected_to_be_reached() -> None:
    event = passed_on("untaken", None, None, ask(2, SUE))
    visit = after((3, event), (3, passed_on("untaken", None, None, ask(3, HEIDI), part=2)), (3, accepted(2)))
    assert [(line.actor, line.outcome) for line in lines(visit, "notification")] == [
        (ADA, "open"),
        (SUE, "met"),
        (HEIDI, "open"),
    ]
    assert len(lines(visit, "task")) == 2


def test_the_summary_tells_of_each_task_who_held_it_who_did_it_when_and_what_came_of_it() -> None:
    left = done(SUE, "left").model_copy(update={"left_at": DUE, "late": True})
    visit = after(
        (1, taken(ADA, OPENED + 5 * MINUTE)),
        (5, passed_on("unfinished", ADA, None, ask(2, SUE))),
        (10, offered(2, NEXT + 10 * MINUTE, None, ask(3, HEIDI))),
        (11, taken(SUE, None)),
        (12, left),
    )
    [escalation] = visit.summary.escalations
    ring, again = escalation.tasks
    assert (ring.ladder_no, ring.step, ring.name) == (1, 1, "Ring the mobile")
    assert (ring.offered_at, ring.offered_to) == (OPENED, (ADA, SUE))
    assert (ring.taken_at, ring.taken_by) == (OPENED + 11 * MINUTE, SUE)
    assert (ring.done_at, ring.done_by, ring.outcome) == (OPENED + 12 * MINUTE, SUE, "left")
    assert (ring.left_at, ring.called_at, ring.late) == (DUE, None, True)
    assert (again.step, again.offered_to, again.done_at) == (2, (HEIDI,), None)


def test_a_task_that_was_let_go_is_held_by_nobody_in_the_summary() -> None:
    visit = after((1, taken(ADA, OPENED + 5 * MINUTE)), (2, passed_on("given_back", ADA, None, ask(2, SUE))))
    [task] = visit.summary.escalations[0].tasks
    assert (task.taken_at, task.taken_by) == (None, None)


def test_everything_that_was_expected_has_ended_once_the_escalation_has() -> None:
    visit = after(
        (1, taken(ADA, OPENED + 5 * MINUTE)),
        (2, done(ADA, "code_word")),
        (2, joined("duress", 1)),
        (2, offered(1, NEXT, OPENED + 5 * MINUTE, ask(2, SUE), ladder_no=2)),
        (4, resolved(SUE)),
    )
    assert [line.what for line in visit.lines if line.outcome == "open"] == ["notification", "notification"]
