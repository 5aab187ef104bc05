"""What comes of a task, and where that leads: a step sooner, an acknowledgement, the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.escalation.domain import CLOCKS_DIFFER, Command, TaskNo
from shared.contracts.base import Sealed
from shared.contracts.escalations import (
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationResolved,
    StepStarted,
)
from shared.contracts.tasks import TaskDone, TaskTaken
from shared.decider import Deadline
from tests.unit.escalation.examples import (
    LASTS,
    LIZ,
    MINUTE,
    MISSED,
    REPEATS,
    SAM,
    SECOND,
    SUE,
    T0,
    acknowledge,
    after,
    cites,
    ladder,
    raise_help,
    resolve,
    runs_out,
    stand_down,
)
from tests.unit.escalation.task_examples import (
    FINISH,
    PEOPLE,
    TASKS,
    TO_EXHAUSTION,
    do,
    give_back,
    hand_over,
    missed,
    next_turn,
    on,
    outcome,
    passes_on,
    take,
    task_step,
    told,
    trigger,
)

TWO, MANAGER = TaskNo(1, 2), TaskNo(1, 4)
SEALED = Sealed(kid="k", nonce="n", ct="c")

# Done


def test_an_outcome_of_a_free_task_takes_it_and_the_step_that_it_leads_to_starts_at_its_own_time() -> None:
    now = T0 + 3 * MINUTE
    history = after(missed())
    assert history.when(do(SUE, "no_answer", now, answers={"safe": "unclear"})) == [
        TaskTaken(
            escalation_id="visit1.1",
            ladder_no=1,
            step=1,
            by=SUE,
            via="page",
            passes_on_at=now + FINISH,
            cites=cites("ring finished"),
        ),
        TaskDone(
            escalation_id="visit1.1",
            ladder_no=1,
            step=1,
            by=SUE,
            via="page",
            outcome="no_answer",
            answers={"safe": "unclear"},
            next_turn=2,
            next_at=now + 5 * MINUTE,
            cites=cites("no_answer").model_copy(update={"clauses": ("no_answer", "no_answer after")}),
        ),
    ]
    done = history.then(do(SUE, "no_answer", now))
    assert done.deadlines == [Deadline("step", "1.1.2", now + 5 * MINUTE)]
    assert told(done.when(on(2, 8 * MINUTE))) == ["step 1-2 sue sam"]


def test_whoever_holds_a_task_does_it_in_one_event() -> None:
    assert told(after(missed(), take(SUE, T0)).when(do(SUE, "stays", T0))) == ["done sue stays"]


@pytest.mark.parametrize(
    ("code", "said_at", "expected"),
    [
        pytest.param("no_answer", 3 * MINUTE, (2, 8 * MINUTE), id="counted from the outcome"),
        pytest.param("no_answer", 7 * MINUTE, (2, 10 * MINUTE), id="never later than the timeout"),
        pytest.param("next", 3 * MINUTE, (2, 3 * MINUTE), id="next, at once"),
        pytest.param("unknown_key", 3 * MINUTE, (2, 3 * MINUTE), id="a key that no step has is next"),
        pytest.param("far", 3 * MINUTE, (4, 3 * MINUTE), id="past steps"),
        pytest.param("stays", 3 * MINUTE, (2, 10 * MINUTE), id="leads nowhere"),
        pytest.param("back", 3 * MINUTE, (2, 10 * MINUTE), id="never back to itself"),
        pytest.param("next", 11 * MINUTE, (2, 10 * MINUTE), id="said when the next step was due, and puts nothing off"),
    ],
)
def test_where_an_outcome_leads_and_when(code: str, said_at: timedelta, expected: tuple[int, timedelta]) -> None:
    assert next_turn(after(missed(), do(SUE, code, T0 + said_at))) == expected


def test_an_outcome_leads_to_a_step_past_which_the_time_of_its_own_leads() -> None:
    leads = outcome("look", "look", after=5 * MINUTE)
    first = task_step("ring", leads, outcome("stays"), then="end")
    by = ladder("check_in_missed", first, task_step("look"), task_step("end"))
    assert next_turn(after(missed(by=by), do(SUE, "stays", T0))) == (3, 10 * MINUTE)
    history = after(missed(by=by), do(SUE, "look", T0 + MINUTE))
    assert next_turn(history) == (2, 6 * MINUTE)
    assert next_turn(history.then(on(2, 6 * MINUTE))) == (3, 16 * MINUTE)


def test_an_outcome_that_leads_back_to_a_step_that_was_changes_no_time() -> None:
    history = after(missed(), on(2, 10 * MINUTE), do(SUE, "back", T0 + 11 * MINUTE, TWO))
    assert next_turn(history) == (3, 20 * MINUTE)


def test_an_outcome_that_comes_after_the_ladder_has_gone_on_is_recorded_as_late_and_changes_no_time() -> None:
    history = after(missed(), on(2, 10 * MINUTE))
    (_, done) = history.when(do(SUE, "no_answer", T0 + 11 * MINUTE))
    assert isinstance(done, TaskDone)
    assert (done.late, done.next_turn, done.next_at) == (True, None, None)
    assert done.cites == cites("no_answer")
    assert next_turn(history.then(do(SUE, "next", T0 + 11 * MINUTE))) == (3, 20 * MINUTE)


def test_a_late_outcome_still_leads_to_a_step_that_lies_ahead() -> None:
    history = after(missed(), on(2, 10 * MINUTE), do(SUE, "far", T0 + 11 * MINUTE))
    assert next_turn(history) == (4, 11 * MINUTE)
    assert told(history.when(on(4, 11 * MINUTE))) == ["step 1-4 liz"]


def test_no_outcome_puts_off_a_step_to_which_another_has_led() -> None:
    history = after(
        missed(), on(2, 10 * MINUTE), do(SUE, "far", T0 + 11 * MINUTE), do(SAM, "home", T0 + 11 * MINUTE, TWO)
    )
    assert next_turn(history) == (4, 11 * MINUTE)


def test_next_puts_off_no_step_to_which_another_outcome_has_led() -> None:
    first = task_step("first", outcome("slow", "last", after=4 * MINUTE))
    second = task_step("second", outcome("next", "next"))
    for then in ("exhausted", None):
        goes_on = second.model_copy(update={"then": then})
        by = ladder("check_in_missed", first, goes_on, MISSED.steps[0], task_step("last"))
        history = after(missed(by=by), on(2, 10 * MINUTE), do(SUE, "slow", T0 + 11 * MINUTE))
        assert next_turn(history) == (4, 15 * MINUTE)
        assert next_turn(history.then(do(SUE, "next", T0 + 12 * MINUTE, TWO))) == (4, 15 * MINUTE)


def test_in_exhaustion_next_goes_on_to_the_step_after_where_that_never_started() -> None:
    first = task_step("first", outcome("leads", "second"), then="exhausted")
    by = ladder("check_in_missed", first, task_step("second", wait=MINUTE), TASKS.steps[2])
    history = after(missed(by=by), on(4, 10 * MINUTE), do(SUE, "leads", T0 + 11 * MINUTE), on(2, 11 * MINUTE))
    history = history.then(on(5, 12 * MINUTE)).then(do(SUE, "no_answer", T0 + 13 * MINUTE, TWO))
    assert next_turn(history) == (3, 13 * MINUTE)


def test_the_same_result_of_the_same_person_said_twice_is_one_and_any_other_is_refused() -> None:
    history = after(missed(), do(SUE, "no_answer", T0 + MINUTE, answers={"safe": "no"}))
    assert history.when(do(SUE, "no_answer", T0 + 2 * MINUTE, answers={"safe": "no"})) == []
    assert history.rejected(do(SUE, "no_answer", T0 + 2 * MINUTE)) == "task_done"
    assert history.rejected(do(SUE, "next", T0 + 2 * MINUTE)) == "task_done"
    assert history.rejected(do(SAM, "no_answer", T0 + 2 * MINUTE, answers={"safe": "no"})) == "task_done"
    assert history.rejected(take(SUE, T0 + 2 * MINUTE)) == "task_done"
    assert history.rejected(give_back(SUE, T0 + 2 * MINUTE)) == "task_done"
    assert history.rejected(hand_over(SUE, SAM, T0 + 2 * MINUTE)) == "task_done"


def test_an_outcome_that_the_task_does_not_have_is_refused() -> None:
    assert after(missed()).rejected(do(SUE, "met_a_bear", T0)) == "outcome_unknown"


def test_what_an_outcome_must_come_with_is_asked_for() -> None:
    history = after(missed())
    assert history.rejected(do(SUE, "left", T0)) == "fact_missing"
    assert history.rejected(do(SUE, "left", T0, called_at=T0)) == "fact_missing"
    assert history.rejected(do(SUE, "called", T0, called_at=T0)) == "fact_missing"
    (_, done) = history.when(do(SUE, "left", T0, left_at=T0 - 20 * MINUTE))
    assert isinstance(done, TaskDone)
    assert done.left_at == T0 - 20 * MINUTE
    called = do(SUE, "called", T0, called_at=T0 - MINUTE)
    sealed = replace(called, result=replace(called.result, reference=SEALED))
    done = history.when(sealed)[1]
    assert isinstance(done, TaskDone)
    assert (done.called_at, done.reference) == (T0 - MINUTE, SEALED)


def test_a_time_that_lies_ahead_by_more_than_clocks_differ_is_refused() -> None:
    history = after(missed())
    ahead = T0 + CLOCKS_DIFFER
    assert told(history.when(do(SUE, "stays", T0, left_at=ahead, called_at=ahead))) == ["taken sue", "done sue stays"]
    assert history.rejected(do(SUE, "stays", T0, left_at=ahead + SECOND)) == "fact_in_the_future"
    assert history.rejected(do(SUE, "stays", T0, called_at=ahead + SECOND)) == "fact_in_the_future"


@pytest.mark.parametrize("end", [resolve(LIZ, T0), stand_down(LIZ, T0), do(LIZ, "safe", T0)])
def test_no_outcome_is_recorded_after_the_end(end: Command) -> None:
    assert after(missed(), end).rejected(do(SUE, "no_answer", T0)) == "not_open"


# The end, an acknowledgement


def test_safe_is_recorded_and_ends_the_escalation_in_one_decision() -> None:
    events = after(missed(), take(SUE, T0)).when(do(SUE, "safe", T0 + MINUTE))
    assert told(events) == ["done sue safe", "Resolved sue sam"]
    resolved = events[1]
    assert isinstance(resolved, EscalationResolved)
    assert (resolved.by, resolved.confirmed_by, resolved.how) == (SUE, SUE, "spoke_with_worker")
    assert after(missed(), do(SUE, "safe", T0)).deadlines == []


def test_an_outcome_that_does_not_say_how_somebody_is_safe_is_itself_how() -> None:
    by = ladder("check_in_missed", task_step("ring", outcome("met", "resolved")))
    resolved = after(missed(by=by)).when(do(SUE, "met", T0))[-1]
    assert isinstance(resolved, EscalationResolved)
    assert resolved.how == "met"


def test_nobody_is_said_safe_by_whoever_does_not_know_of_all_that_was_raised() -> None:
    history = after(missed(), take(SUE, T0), raise_help(now=T0 + MINUTE, directory=PEOPLE))
    assert history.rejected(do(SUE, "safe", T0 + 2 * MINUTE, seen=1)) == "changed_since"
    assert told(history.when(do(SUE, "safe", T0 + 2 * MINUTE, seen=2)))[0] == "done sue safe"


def test_what_joined_between_taking_and_doing_hinders_no_other_outcome() -> None:
    history = after(missed(), take(SUE, T0), raise_help(now=T0 + MINUTE, directory=PEOPLE))
    assert told(history.when(do(SUE, "no_answer", T0 + 2 * MINUTE, seen=1))) == ["done sue no_answer"]


def test_in_hand_acknowledges_the_ladder_of_the_task_and_never_a_graver_one() -> None:
    history = after(missed(), take(SUE, T0), raise_help(now=T0 + MINUTE, directory=PEOPLE))
    done, held = history.when(do(SUE, "in_hand", T0 + 2 * MINUTE, seen=1))
    assert told([done]) == ["done sue in_hand"]
    assert held == EscalationAcknowledged(
        escalation_id="visit1.1",
        by=SUE,
        via="page",
        ladders=(1,),
        running=(2,),
        runs_out_at=T0 + 2 * MINUTE + LASTS,
        cites=cites("lasts"),
    )
    (_, knowing) = history.when(do(SUE, "in_hand", T0 + 2 * MINUTE))
    assert isinstance(knowing, EscalationAcknowledged)
    assert (knowing.ladders, knowing.running) == ((1,), (2,))


def test_in_hand_takes_the_ladder_of_its_own_task_even_where_its_trigger_was_not_seen() -> None:
    by_help = TASKS.model_copy(update={"trigger": "help"})
    history = after(missed(by=MISSED), trigger("help", by_help), acknowledge(LIZ, T0, seen=1))
    (_, _, held) = history.when(do(SUE, "in_hand", T0, TaskNo(2, 1), seen=1))
    assert isinstance(held, EscalationAcknowledged)
    assert held.ladders == (2,)


def test_in_hand_where_somebody_else_has_acknowledged_is_recorded_and_takes_nothing_from_them() -> None:
    history = after(missed(), acknowledge(LIZ, T0))
    assert told(history.when(do(SUE, "in_hand", T0))) == ["taken sue", "done sue in_hand"]
    assert history.then(do(SUE, "in_hand", T0)).state.acknowledgement == history.state.acknowledgement


def test_an_outcome_during_an_acknowledgement_leads_where_it_says_when_that_runs_out() -> None:
    history = after(missed(), acknowledge(LIZ, T0), do(SUE, "far", T0 + MINUTE))
    assert [due.kind for due in history.deadlines] == ["acknowledgement"]
    assert history.when(on(4, 5 * MINUTE)) == []
    assert next_turn(history.then(runs_out(T0 + LASTS, directory=PEOPLE))) == (4, LASTS)


# Where a step leads, and exhaustion


def test_a_step_whose_time_leads_to_exhaustion_passes_over_the_rest() -> None:
    history = after(missed(), *TO_EXHAUSTION[:3])
    assert next_turn(history) == (6, 30 * MINUTE)
    (exhausted,) = history.when(on(6, 30 * MINUTE))
    assert isinstance(exhausted, EscalationExhausted)
    assert exhausted.round == 1


def test_only_an_outcome_leads_to_a_step_that_no_time_leads_to() -> None:
    history = after(missed(), *TO_EXHAUSTION[:3], do(LIZ, "emergency", T0 + 26 * MINUTE, MANAGER))
    assert next_turn(history) == (5, 26 * MINUTE)
    history = history.then(on(5, 26 * MINUTE))
    assert next_turn(history) == (6, 29 * MINUTE)
    assert told(history.when(on(6, 29 * MINUTE)))[0].startswith("round 1-1 ")


def test_an_exhausted_ladder_goes_to_a_step_that_never_started_and_its_rounds_come_when_they_were_due() -> None:
    history = after(missed(), *TO_EXHAUSTION, do(LIZ, "emergency", T0 + 32 * MINUTE, MANAGER))
    assert next_turn(history) == (5, 32 * MINUTE)
    assert history.when(on(7, 37 * MINUTE)) == []
    (started,) = history.when(on(5, 32 * MINUTE))
    assert isinstance(started, StepStarted)
    assert (started.step, started.next_at) == (5, T0 + 35 * MINUTE)
    history = history.then(on(5, 32 * MINUTE))
    assert next_turn(history) == (7, 35 * MINUTE)
    (second,) = history.when(on(7, 35 * MINUTE))
    assert isinstance(second, EscalationExhausted)
    assert second.round == 2


def test_a_step_that_starts_in_exhaustion_puts_no_round_off() -> None:
    history = after(missed(), *TO_EXHAUSTION, do(LIZ, "emergency", T0 + 36 * MINUTE, MANAGER), on(5, 36 * MINUTE))
    assert next_turn(history) == (7, 30 * MINUTE + REPEATS)
    late = after(missed(), *TO_EXHAUSTION, do(LIZ, "emergency", T0 + 36 * MINUTE, MANAGER))
    assert [said[:9] for said in told(late.when(on(5, 50 * MINUTE)))] == ["step 1-5 ", "round 1-2"]


def test_a_task_of_an_exhausted_ladder_passes_on_no_more_and_an_outcome_that_leads_on_changes_nothing() -> None:
    history = after(missed(), *TO_EXHAUSTION)
    assert passes_on(history) == []
    history = history.then(take(SUE, T0 + 31 * MINUTE)).then(do(SUE, "next", T0 + 32 * MINUTE))
    assert next_turn(history) == (7, 30 * MINUTE + REPEATS)
    assert told(history.when(do(SUE, "no_answer", T0 + 32 * MINUTE, TWO))) == ["taken sue", "done sue no_answer late"]
    assert next_turn(history.then(do(SUE, "no_answer", T0 + 32 * MINUTE, TWO))) == (7, 30 * MINUTE + REPEATS)


def test_a_step_is_never_started_twice_whatever_leads_to_it() -> None:
    history = after(missed(), do(SUE, "far", T0), on(4, 0 * MINUTE))
    assert next_turn(history) == (6, 6 * MINUTE)
    history = (
        history.then(on(6, 6 * MINUTE)).then(do(LIZ, "emergency", T0 + 7 * MINUTE, MANAGER)).then(on(5, 7 * MINUTE))
    )
    run = history.state.run(1)
    assert run is not None
    assert (run.started, run.turn) == (frozenset({1, 4, 5}), 7)
    assert history.when(on(5, 8 * MINUTE)) == []


@pytest.mark.parametrize(
    ("then", "expected"), [("home", 3), ("ring", 2), ("nowhere", 2), ("exhausted", 6), ("emergency", 5)]
)
def test_the_time_of_a_step_leads_forward_to_the_step_that_it_names_or_else_to_the_next(
    then: str, expected: int
) -> None:
    first = TASKS.steps[0].model_copy(update={"then": then})
    by = TASKS.model_copy(update={"steps": (first, *TASKS.steps[1:])})
    assert next_turn(after(missed(by=by))) == (expected, 10 * MINUTE)


def test_after_a_step_that_started_in_exhaustion_everyone_is_told_again_and_no_other_step_starts() -> None:
    first = task_step("first", outcome("leads", "second"), then="exhausted")
    by = ladder("check_in_missed", first, task_step("second", wait=MINUTE), TASKS.steps[2])
    history = after(missed(by=by), on(4, 10 * MINUTE), do(SUE, "leads", T0 + 11 * MINUTE), on(2, 11 * MINUTE))
    assert next_turn(history) == (5, 12 * MINUTE)


def test_the_time_of_a_step_leads_back_to_none_that_an_outcome_passed_over() -> None:
    back = TASKS.steps[3].model_copy(update={"then": "again"})
    by = TASKS.model_copy(update={"steps": (*TASKS.steps[:3], back, TASKS.steps[4])})
    assert next_turn(after(missed(by=by), do(SUE, "far", T0), on(4, timedelta(0)))) == (5, 6 * MINUTE)
