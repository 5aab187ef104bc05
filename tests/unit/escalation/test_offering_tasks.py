"""Whom a task is offered, and when it passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.escalation.domain import ESCALATION, Command, Directory, TaskNo, command_for
from shared.contracts.escalations import StepStarted
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskPassedOn
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.escalation.examples import (
    CROWD,
    HEIDI,
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
)
from tests.unit.escalation.task_examples import (
    ALL_ROLES,
    DURESS,
    PEOPLE,
    TAKE,
    TASKS,
    TEN,
    do,
    give_back,
    missed,
    next_turn,
    passes_on,
    take,
    task_runs_out,
    task_step,
    told,
    trigger,
    without,
)

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
