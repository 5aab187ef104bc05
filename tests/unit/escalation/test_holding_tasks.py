"""Who has a task, alone, and how it goes from one person to another."""

from __future__ import annotations

import pytest

from services.escalation.domain import ESCALATION, Command, TaskNo, task_asked_by
from shared.contracts.base import Event
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Deadline
from tests.unit.escalation.examples import (
    HEIDI,
    LASTS,
    LIZ,
    MINUTE,
    NOBODY,
    SAM,
    SUE,
    T0,
    WALT,
    acknowledge,
    after,
    ask,
    asked,
    cites,
    ladder,
    next_step,
    not_reached,
    resolve,
    runs_out,
)
from tests.unit.escalation.task_examples import (
    FINISH,
    ONE,
    PEOPLE,
    TAKE,
    TASKS,
    TEN,
    do,
    give_back,
    hand_over,
    missed,
    next_turn,
    passes_on,
    take,
    task_runs_out,
    told,
    trigger,
    without,
)

# Taken


def test_whoever_takes_a_task_has_it_alone_for_the_time_to_finish_it() -> None:
    history = after(missed())
    assert history.when(take(SAM, T0 + MINUTE)) == [
        TaskTaken(
            escalation_id="visit1.1",
            ladder_no=1,
            step=1,
            by=SAM,
            via="page",
            handed_by=None,
            passes_on_at=T0 + MINUTE + FINISH,
            cites=cites("ring finished"),
        )
    ]
    history = history.then(take(SAM, T0 + MINUTE))
    assert passes_on(history) == [("1.1.1.2", MINUTE + FINISH)]
    assert next_turn(history) == (2, 10 * MINUTE), "taking it stops nothing"
    assert history.when(take(SAM, T0 + 2 * MINUTE)) == []
    assert history.rejected(take(SUE, T0 + MINUTE)) == "task_taken"
    assert history.rejected(do(SUE, "no_answer", T0 + MINUTE)) == "task_taken"


def test_somebody_who_was_never_asked_may_take_it_and_gets_the_all_clear() -> None:
    history = after(missed(), take(HEIDI, T0 + MINUTE))
    assert asked(history.when(resolve(SUE, T0 + MINUTE))) == [SUE, SAM, HEIDI]


def test_the_worker_whom_it_is_about_can_neither_take_nor_do_nor_be_handed_a_task() -> None:
    history = after(missed())
    held = history.then(take(SUE, T0))
    assert history.rejected(take(WALT, T0)) == "own_escalation"
    assert history.rejected(do(WALT, "safe", T0)) == "own_escalation"
    assert held.rejected(give_back(WALT, T0)) == "own_escalation"
    assert held.rejected(hand_over(WALT, SUE, T0)) == "own_escalation"
    assert held.rejected(hand_over(SUE, WALT, T0)) == "handed_to_worker"


@pytest.mark.parametrize("task", [TaskNo(1, 2), TaskNo(1, 9), TaskNo(2, 1), TaskNo(0, 0)])
def test_a_task_that_was_never_offered_is_unknown(task: TaskNo) -> None:
    assert after(missed()).rejected(take(SUE, T0, task)) == "task_unknown"
    assert after(missed()).rejected(do(SUE, "no_answer", T0, task)) == "task_unknown"


def test_a_step_that_tells_people_is_no_task() -> None:
    home = after(missed(), next_step(2, TEN, directory=PEOPLE), next_step(3, TEN + 10 * MINUTE, directory=PEOPLE))
    assert home.rejected(take(SUE, TEN + 10 * MINUTE, TaskNo(1, 3))) == "task_unknown"


def test_no_task_of_an_escalation_that_is_over_or_of_another_can_be_taken() -> None:
    assert after(missed(), resolve(SUE, T0)).rejected(take(SUE, T0)) == "not_open"
    assert after(missed()).rejected(take(SUE, T0, escalation_id="visit1.2")) == "not_open"


def test_a_task_can_be_taken_after_the_ladder_has_gone_on_and_then_passes_on_no_more() -> None:
    gone_on = after(missed(), next_step(2, TEN, directory=PEOPLE))
    (taken,) = gone_on.when(take(SUE, TEN + MINUTE))
    assert isinstance(taken, TaskTaken)
    assert taken.passes_on_at is None
    assert passes_on(gone_on.then(take(SUE, TEN + MINUTE))) == []


def test_tasks_of_two_ladders_are_held_apart() -> None:
    both = after(missed(), trigger("help", TASKS.model_copy(update={"trigger": "help"}), now=T0 + MINUTE))
    first = both.then(take(SUE, T0 + MINUTE)).then(take(SAM, T0 + MINUTE, TaskNo(2, 1)))
    assert [first.state.task(no, 1).holder for no in (1, 2)] == [SUE, SAM]  # type: ignore[union-attr]
    assert passes_on(first) == [("1.1.1.2", MINUTE + FINISH), ("1.2.1.2", MINUTE + FINISH)]
    done = first.then(do(SUE, "no_answer", T0 + 2 * MINUTE))
    assert next_turn(done) == (2, 7 * MINUTE)
    assert next_turn(done, 2) == (2, 11 * MINUTE)


def test_one_person_may_hold_several_tasks() -> None:
    gone_on = after(missed(), take(SUE, T0), next_step(2, TEN, directory=PEOPLE), take(SUE, TEN, TaskNo(1, 2)))
    assert [task.holder for run in gone_on.state.ladders for task in run.tasks] == [SUE, SUE]


# Not finished in time, given back


def test_unfinished_it_is_offered_again_to_all_but_whoever_let_it_lapse_and_to_the_next_role() -> None:
    history = after(missed(), take(SUE, T0 + MINUTE))
    lapsed = T0 + MINUTE + FINISH
    assert history.when(task_runs_out(lapsed, change=2)) == [
        TaskPassedOn(
            escalation_id="visit1.1",
            ladder_no=1,
            step=1,
            reason="unfinished",
            by=SUE,
            asks=(ask(3, SAM, Role.SUPERVISOR), ask(4, LIZ, Role.LINE_MANAGER)),
            passes_on_at=lapsed + TAKE,
            cites=cites("ring finished"),
        )
    ]
    history = history.then(task_runs_out(lapsed, change=2))
    assert passes_on(history) == [("1.1.1.3", MINUTE + FINISH + TAKE)]
    assert told(history.when(take(SUE, lapsed))) == ["taken sue"], "she may still do it"


def test_given_back_it_is_offered_again_at_once() -> None:
    history = after(missed(), take(LIZ, T0 + MINUTE))
    assert told(history.when(give_back(LIZ, T0 + MINUTE))) == ["given_back sue sam dan"], (
        "liz was the next, and is not now"
    )
    back = history.then(give_back(LIZ, T0 + MINUTE))
    assert passes_on(back) == []


def test_where_only_whoever_gave_it_back_is_left_they_are_offered_it_last() -> None:
    two = without(Role.DSL)
    back = after(missed(directory=two), take(LIZ, T0 + MINUTE), give_back(LIZ, T0 + MINUTE, directory=two))
    assert passes_on(back) == [("1.1.1.3", MINUTE + TAKE)]
    assert told(back.when(task_runs_out(T0 + MINUTE + TAKE, change=3, directory=two))) == ["untaken liz"]


def test_where_nobody_else_is_there_it_is_offered_again_to_whoever_let_it_lapse() -> None:
    alone = without(Role.LINE_MANAGER, Role.DSL, supervisor=(SUE,))
    history = after(missed(directory=alone), take(SUE, T0))
    assert told(history.when(task_runs_out(T0 + FINISH, change=2, directory=alone))) == ["unfinished sue"]
    assert told(history.when(give_back(SUE, T0, directory=NOBODY))) == ["given_back"]


def test_whoever_has_lost_every_role_is_not_offered_it_again() -> None:
    history = after(missed(), take(SUE, T0))
    assert told(history.when(give_back(SUE, T0, directory=without(supervisor=(SUE,))))) == ["given_back liz"]


def test_only_whoever_has_a_task_gives_it_back_or_hands_it_over() -> None:
    history = after(missed())
    assert history.rejected(give_back(SUE, T0)) == "not_the_holder"
    assert history.rejected(hand_over(SUE, LIZ, T0)) == "not_the_holder"
    taken = history.then(take(SUE, T0))
    assert taken.rejected(give_back(SAM, T0)) == "not_the_holder"
    assert taken.then(give_back(SUE, T0)).rejected(give_back(SUE, T0)) == "not_the_holder"


def test_given_back_after_the_ladder_has_gone_on_it_is_offered_again_and_passes_on_no_more() -> None:
    history = after(missed(), take(SUE, T0), next_step(2, TEN, directory=PEOPLE))
    (back,) = history.when(give_back(SUE, TEN))
    assert isinstance(back, TaskPassedOn)
    assert (told([back]), back.passes_on_at) == (["given_back sam liz"], None)
    both = not_reached(3, 4, now=TEN, directory=PEOPLE)
    assert told(history.then(give_back(SUE, TEN)).when(both)) == ["nobody 1-2"], "it says nothing of the step that runs"


# Handed over


def test_handed_over_it_stays_with_whoever_has_it_until_the_other_takes_it() -> None:
    history = after(missed(), take(SUE, T0))
    asked_liz = TaskHandedOver(escalation_id="visit1.1", ladder_no=1, step=1, by=SUE, to=LIZ, asks=(ask(3, LIZ),))
    assert history.when(hand_over(SUE, LIZ, T0 + MINUTE)) == [asked_liz]
    handed = history.then(hand_over(SUE, LIZ, T0 + MINUTE))
    assert passes_on(handed) == [("1.1.1.3", FINISH)], "the time to finish it runs on"
    assert handed.when(hand_over(SUE, LIZ, T0 + MINUTE)) == []
    assert handed.when(take(SUE, T0 + MINUTE)) == []
    assert handed.rejected(do(LIZ, "no_answer", T0 + MINUTE)) == "task_taken"
    assert told(handed.when(do(SUE, "no_answer", T0 + MINUTE))) == ["done sue no_answer"]
    (accepted,) = handed.when(take(LIZ, T0 + 2 * MINUTE))
    assert isinstance(accepted, TaskTaken)
    assert (accepted.handed_by, accepted.passes_on_at) == (SUE, T0 + 2 * MINUTE + FINISH)
    taken = handed.then(take(LIZ, T0 + 2 * MINUTE))
    assert taken.rejected(take(SUE, T0 + 2 * MINUTE)) == "task_taken"
    assert taken.rejected(give_back(SUE, T0 + 2 * MINUTE)) == "not_the_holder"


def test_handed_to_another_the_first_can_take_it_no_more() -> None:
    history = after(missed(), take(SUE, T0), hand_over(SUE, LIZ, T0), hand_over(SUE, SAM, T0))
    assert history.rejected(take(LIZ, T0)) == "task_taken"
    assert told(history.when(take(SAM, T0))) == ["taken sam"]


def test_handing_over_to_oneself_changes_nothing() -> None:
    assert after(missed(), take(SUE, T0)).when(hand_over(SUE, SUE, T0)) == []


def test_nobody_who_cannot_act_here_is_handed_a_task() -> None:
    assert after(missed(), take(SUE, T0)).rejected(hand_over(SUE, "stranger", T0)) == "not_a_responder_here"


@pytest.mark.parametrize(
    "back",
    [
        pytest.param(give_back(SUE, T0 + FINISH), id="given back"),
        pytest.param(task_runs_out(T0 + FINISH, change=3), id="late"),
    ],
)
def test_a_handover_that_nobody_accepted_ends_with_the_task_passing_on(back: Command) -> None:
    history = after(missed(), take(SUE, T0), hand_over(SUE, HEIDI, T0))
    assert asked(history.when(back)) == [SAM, LIZ]
    free = history.then(back)
    task = free.state.task(1, 1)
    assert task is not None
    assert (task.holder, task.handed_to) == (None, None)
    (taken,) = free.when(take(HEIDI, T0 + FINISH))
    assert isinstance(taken, TaskTaken)
    assert taken.handed_by is None


def test_which_task_a_notification_offered_is_known_however_it_came() -> None:
    commands: list[Command] = [missed(), take(SUE, T0), hand_over(SUE, HEIDI, T0), give_back(SUE, T0)]
    events: list[Event] = []
    for command in [*commands, acknowledge(SUE, T0), runs_out(T0 + LASTS, directory=PEOPLE)]:
        events += ESCALATION.decide(command, ESCALATION.fold(events))
    ids = [item.notification_id for event in events for item in getattr(event, "asks", ())]
    tasks = [task_asked_by(notification_id, events) for notification_id in ids]
    assert tasks == [ONE, ONE, ONE, ONE, ONE, *[None] * (len(ids) - 5)]
    assert len(ids) > 5
    assert task_asked_by("visit1.1.99", events) is None
    told_only = [*ESCALATION.decide(missed(by=ladder("check_in_missed", TASKS.steps[2])), ESCALATION.initial)]
    assert task_asked_by("visit1.1.1", told_only) is None


# Acknowledged


def test_an_acknowledgement_stops_the_passing_on_and_after_it_the_ladder_goes_on_instead() -> None:
    history = after(missed(), take(SUE, T0), acknowledge(LIZ, T0 + MINUTE))
    assert [due.kind for due in history.deadlines] == ["acknowledgement"]
    late = T0 + MINUTE + LASTS
    history = history.then(runs_out(late, directory=PEOPLE))
    assert history.deadlines == [Deadline("step", "1.1.2", late)]
    task = history.state.task(1, 1)
    assert task is not None
    assert task.holder == SUE


def test_a_task_can_be_taken_and_done_while_the_escalation_is_acknowledged() -> None:
    history = after(missed(), acknowledge(LIZ, T0 + MINUTE), take(SUE, T0 + 2 * MINUTE))
    done = history.then(do(SUE, "no_answer", T0 + 3 * MINUTE))
    assert [due.kind for due in done.deadlines] == ["acknowledgement"], "nothing starts while somebody has it"
    again = done.then(runs_out(T0 + MINUTE + LASTS, directory=PEOPLE))
    assert next_turn(again) == (2, MINUTE + LASTS)
