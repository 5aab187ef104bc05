"""Whom a task is offered, who has it, and when it passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.escalation.domain import ESCALATION, Command, Directory, TaskNo, command_for, task_asked_by
from shared.contracts.base import Event
from shared.contracts.escalations import StepStarted
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.escalation.examples import (
    CROWD,
    HEIDI,
    LASTS,
    LIZ,
    MINUTE,
    NOBODY,
    OPENED,
    SAM,
    SECOND,
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
    ALL_ROLES,
    DURESS,
    FINISH,
    ONE,
    PEOPLE,
    TAKE,
    TASKS,
    do,
    give_back,
    hand_over,
    missed,
    next_turn,
    passes_on,
    take,
    task_runs_out,
    task_step,
    told,
    trigger,
)

TEN = T0 + 10 * MINUTE


def without(*roles: Role, **held: tuple[str, ...]) -> Directory:
    """Return who is there where some roles have no holder, and others have these."""
    holders = {role: people for role, people in PEOPLE.holders.items() if role not in roles}
    holders |= {Role(role): people for role, people in held.items()}
    responders = (worker for role, people in holders.items() if role in RESPONDERS for worker in people)
    return Directory(holders, tuple(dict.fromkeys(responders)))


# Offered


def test_a_task_is_offered_to_all_holders_of_its_first_role_at_once_and_passes_on_when_nobody_takes_it() -> None:
    opened, offered = given(ESCALATION).when(missed())
    assert opened == OPENED.model_copy(update={"ladder": TASKS})
    assert offered == StepStarted(
        escalation_id="visit1.1",
        ladder_no=1,
        step=1,
        name="ring",
        asks=(ask(1, SUE, Role.SUPERVISOR), ask(2, SAM, Role.SUPERVISOR)),
        next_at=TEN,
        passes_on_at=T0 + TAKE,
        task=True,
        cites=cites("ring"),
    )
    assert after(missed()).deadlines == [Deadline("step", "1.1.2", TEN), Deadline("task", "1.1.1.1", T0 + TAKE)]


def test_untaken_it_is_offered_to_the_next_role_too_until_no_role_is_left() -> None:
    history = after(missed())
    passed = history.when(task_runs_out(T0 + TAKE))
    assert passed == [
        TaskPassedOn(
            escalation_id="visit1.1",
            ladder_no=1,
            step=1,
            reason="untaken",
            by=None,
            asks=(ask(3, LIZ, Role.LINE_MANAGER),),
            passes_on_at=T0 + 2 * TAKE,
            cites=cites("ring taken"),
        )
    ]
    history = history.then(task_runs_out(T0 + TAKE))
    assert passes_on(history) == [("1.1.1.2", 2 * TAKE)]
    assert told(history.when(task_runs_out(T0 + 2 * TAKE, change=2))) == ["untaken dan"]
    history = history.then(task_runs_out(T0 + 2 * TAKE, change=2))
    assert history.deadlines == [Deadline("step", "1.1.2", TEN)]
    assert told(history.when(take(SUE, T0 + 5 * MINUTE))) == ["taken sue"]


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        pytest.param(without(Role.SUPERVISOR), ["step 1-1 liz"], id="the administrator is absent"),
        pytest.param(without(supervisor=(WALT,)), ["step 1-1 liz"], id="the worker concerned is the only one"),
        pytest.param(without(Role.SUPERVISOR, Role.LINE_MANAGER), ["step 1-1 dan"], id="only the last role is held"),
        pytest.param(
            without(Role.SUPERVISOR, Role.LINE_MANAGER, Role.DSL),
            ["step 1-1", "step 1-2", "step 1-3", "step 1-4", "round 1-1 heidi"],
            id="no role of any step that follows by time is held",
        ),
        pytest.param(NOBODY, ["step 1-1", "step 1-2", "step 1-3", "step 1-4", "round 1-1"], id="nobody is there"),
    ],
)
def test_a_role_without_holders_is_passed_over_and_a_task_for_nobody_is_recorded_and_the_next_step_starts_at_once(
    directory: Directory, expected: list[str]
) -> None:
    assert told(given(ESCALATION).when(missed(directory=directory)))[1:] == expected


def test_a_role_whose_holders_were_all_offered_it_before_is_passed_over_for_the_next_person() -> None:
    sue_alone = without(supervisor=(SUE,), line_manager=(SUE,))
    history = after(missed(directory=sue_alone))
    assert told(history.when(task_runs_out(T0 + TAKE, directory=sue_alone))) == ["untaken dan"]
    both = without(supervisor=(SUE,), line_manager=(SUE, LIZ))
    assert told(after(missed(directory=both)).when(task_runs_out(T0 + TAKE, directory=both))) == ["untaken sue liz"]


def test_whoever_came_since_for_a_role_that_had_its_turn_is_not_waited_for() -> None:
    more = without(supervisor=(SUE, SAM, "ann"))
    assert told(after(missed()).when(task_runs_out(T0 + TAKE, directory=more))) == ["untaken liz"]


def test_a_task_for_one_role_alone_never_passes_on_by_time() -> None:
    alone = ladder("check_in_missed", task_step("ring", who=(Role.SUPERVISOR, Role.WORKER, Role.AUDITOR)))
    assert after(missed(by=alone)).deadlines == [Deadline("step", "1.1.2", TEN)]


def test_where_those_of_the_next_role_have_gone_by_then_it_is_recorded_and_passes_on_no_more() -> None:
    history = after(missed())
    left = without(Role.LINE_MANAGER, Role.DSL)
    assert told(history.when(task_runs_out(T0 + TAKE, directory=left))) == ["untaken"]
    assert passes_on(history.then(task_runs_out(T0 + TAKE, directory=left))) == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(task_runs_out(T0 + TAKE - SECOND), id="too early"),
        pytest.param(task_runs_out(T0 + TAKE, change=2), id="of a change that never was"),
        pytest.param(task_runs_out(T0 + TAKE, TaskNo(1, 2)), id="another step"),
        pytest.param(task_runs_out(T0 + TAKE, TaskNo(2, 1)), id="another ladder"),
        pytest.param(replace(task_runs_out(T0 + TAKE), episode=2), id="another episode"),
    ],
)
def test_a_task_that_does_not_pass_on_now_gives_nothing(command: Command) -> None:
    assert after(missed()).when(command) == []


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((task_runs_out(T0 + TAKE),), id="passed on already"),
        pytest.param((take(SUE, T0 + MINUTE),), id="taken in time"),
        pytest.param((do(SUE, "stays", T0 + MINUTE),), id="done"),
        pytest.param((acknowledge(SUE, T0 + MINUTE),), id="acknowledged"),
        pytest.param((next_step(2, TEN, directory=PEOPLE),), id="the ladder has gone on"),
        pytest.param((resolve(SUE, T0 + MINUTE),), id="over"),
        pytest.param((trigger("duress", DURESS, now=T0 + MINUTE),), id="stopped"),
        pytest.param((resolve(SUE, T0 + MINUTE), missed(now=T0 + MINUTE)), id="over, and another missed before"),
    ],
)
def test_a_deadline_of_a_task_that_comes_late_or_twice_gives_nothing(before: Sequence[Command]) -> None:
    assert after(missed(), *before).when(task_runs_out(T0 + 11 * MINUTE)) == []


def test_a_task_that_would_pass_on_when_the_next_step_starts_never_does() -> None:
    quick = ladder("check_in_missed", task_step("ring", who=ALL_ROLES, wait=TAKE))
    history = after(missed(by=quick))
    assert history.deadlines == [Deadline("step", "1.1.2", T0 + TAKE)]
    assert history.when(task_runs_out(T0 + TAKE)) == []


def test_the_deadline_of_a_task_stands_for_its_passing_on() -> None:
    (_, due) = after(missed()).deadlines
    assert command_for(due, PEOPLE, T0 + TAKE) == task_runs_out(T0 + TAKE)


def test_a_task_offered_to_a_crowd_is_one_task_with_one_deadline() -> None:
    alone = ladder("check_in_missed", task_step("ring", who=ALL_ROLES))
    crowd = replace(CROWD, holders={**CROWD.holders, Role.LINE_MANAGER: tuple(f"manager{n}" for n in range(250))})
    crowd = replace(crowd, everyone=(*crowd.everyone, *crowd.holders[Role.LINE_MANAGER]))
    events = given(ESCALATION).when(missed(by=alone, directory=crowd))
    assert [event.part for event in events if isinstance(event, StepStarted)] == [1, 2, 3]
    history = given(ESCALATION, *events)
    assert passes_on(history) == [("1.1.1.1", TAKE)]
    passed = history.when(task_runs_out(T0 + TAKE, directory=crowd))
    assert [event.part for event in passed if isinstance(event, TaskPassedOn)] == [1, 2]
    history = given(ESCALATION, *events, *passed)
    task = history.state.task(1, 1)
    assert task is not None
    assert (len(task.offered), task.change, task.holder) == (700, 2, None)
    back = history.then(take("person1", T0 + TAKE)).when(give_back("person1", T0 + TAKE, directory=crowd))
    assert len(asked(back)) == 699


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
    assert told(history.when(give_back(LIZ, T0 + MINUTE))) == ["given_back sue sam"]
    back = history.then(give_back(LIZ, T0 + MINUTE))
    assert passes_on(back) == [("1.1.1.3", MINUTE + TAKE)]
    assert told(back.when(task_runs_out(T0 + MINUTE + TAKE, change=3))) == ["untaken liz"]


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


# Reached nobody


def test_where_nobody_offered_it_could_be_told_it_passes_on_at_once() -> None:
    history = after(missed())
    assert history.when(not_reached(1, now=T0 + SECOND, directory=PEOPLE)) == []
    both = not_reached(2, 1, now=T0 + SECOND, directory=PEOPLE)
    assert told(history.when(both)) == ["reached_nobody liz"]
    history = history.then(both)
    assert history.when(both) == [], "liz may be told"
    assert told(history.when(not_reached(3, 1, 2, now=T0 + MINUTE, directory=PEOPLE))) == ["reached_nobody dan"]
    history = history.then(not_reached(3, 1, 2, now=T0 + MINUTE, directory=PEOPLE))
    assert told(history.when(not_reached(4, 1, 2, 3, now=T0 + MINUTE, directory=PEOPLE))) == ["nobody 1-1"]
    history = history.then(not_reached(4, 1, 2, 3, now=T0 + MINUTE, directory=PEOPLE))
    assert next_turn(history) == (2, MINUTE)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(take(HEIDI, T0), id="somebody has it"),
        pytest.param(do(HEIDI, "stays", T0), id="it is done"),
        pytest.param(acknowledge(SUE, T0), id="acknowledged"),
        pytest.param(trigger("duress", DURESS), id="stopped"),
        pytest.param(next_step(2, TEN, directory=PEOPLE), id="the ladder has gone on"),
    ],
)
def test_that_nobody_could_be_told_changes_nothing_any_more(before: Command) -> None:
    assert after(missed(), before).when(not_reached(2, 1, now=TEN, directory=PEOPLE)) == []


def test_whoever_is_offered_it_anew_may_still_be_told_after_it_was_given_back() -> None:
    history = after(missed(), take(SUE, T0), give_back(SUE, T0))
    assert history.when(not_reached(2, 1, now=T0, directory=PEOPLE)) == []
    assert told(history.when(not_reached(4, 1, 2, 3, now=T0, directory=PEOPLE))) == ["reached_nobody dan"]


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
