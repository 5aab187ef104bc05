"""Records of tasks that nothing can read are missing from a history, and the ladder goes on: rather told twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from services.escalation.domain import (
    ESCALATION,
    Command,
    DoTask,
    Escalation,
    GiveBackTask,
    HandOverTask,
    TakeTask,
    TaskNo,
    command_for,
)
from shared.contracts.base import Event
from shared.contracts.escalations import EscalationJoined, EscalationOpened, StepStarted
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Rejected
from tests.support.given import Given
from tests.unit.escalation.examples import (
    LASTS,
    LIZ,
    MINUTE,
    SAM,
    SUE,
    T0,
    acknowledge,
    after,
    next_step,
    resolve,
    runs_out,
)
from tests.unit.escalation.task_examples import (
    DURESS,
    PEOPLE,
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
)

COMMANDS: tuple[Command, ...] = (
    missed(),
    task_runs_out(T0 + 2 * MINUTE),
    take(SUE, T0 + 3 * MINUTE),
    hand_over(SUE, LIZ, T0 + 3 * MINUTE),
    take(LIZ, T0 + 4 * MINUTE),
    give_back(LIZ, T0 + 5 * MINUTE),
    do(SAM, "far", T0 + 6 * MINUTE),
    next_step(4, T0 + 6 * MINUTE, directory=PEOPLE),
    do(LIZ, "emergency", T0 + 7 * MINUTE, TaskNo(1, 4)),
    next_step(5, T0 + 7 * MINUTE, directory=PEOPLE),
    next_step(6, T0 + 10 * MINUTE, directory=PEOPLE),
    acknowledge(SUE, T0 + 11 * MINUTE),
    trigger("duress", DURESS, now=T0 + 12 * MINUTE),
    take(SAM, T0 + 12 * MINUTE, TaskNo(2, 1)),
    runs_out(T0 + 11 * MINUTE + LASTS, directory=PEOPLE),
    resolve(SAM, T0 + 40 * MINUTE),
    replace(missed(now=T0 + 50 * MINUTE), trigger_event_id="missed2"),
)


def whole() -> list[Event]:
    """Return an hour in which most things happen once to a task."""
    events: list[Event] = []
    for command in COMMANDS:
        events += ESCALATION.decide(command, ESCALATION.fold(events))
    return events


HISTORY = whole()
TASK_EVENTS = (TaskTaken, TaskHandedOver, TaskPassedOn, TaskDone)


def partial(events: list[Event], unreadable: int = 1) -> Given[Command, Event, Escalation]:
    return Given(ESCALATION, replace(ESCALATION.fold(events), unreadable=unreadable))


def until(kind: type[Event], nth: int = 1) -> int:
    """Return where the nth event of a kind stands."""
    return [index for index, event in enumerate(HISTORY) if isinstance(event, kind)][nth - 1]


def ids(events: list[Event]) -> set[str]:
    return {ask.notification_id for event in events for ask in getattr(event, "asks", ())}


def test_the_history_holds_every_kind_of_event_of_a_task() -> None:
    assert {type(event) for event in HISTORY} >= set(TASK_EVENTS)


@drawn(st.sets(st.sampled_from(range(len(HISTORY))), min_size=1), st.integers(1, len(HISTORY)))
def test_whatever_cannot_be_read_every_deadline_can_be_handled_and_no_id_is_given_out_again(
    gone: set[int], length: int
) -> None:
    history = partial([event for index, event in enumerate(HISTORY[:length]) if index not in gone], len(gone))
    assert bool(history.deadlines) == history.state.open
    for deadline in history.deadlines:
        events = history.when(command_for(deadline, PEOPLE, T0 + 200 * MINUTE))
        assert events != []
        assert not ids(events) & ids(HISTORY[:length])


@drawn(
    st.sets(st.sampled_from(range(len(HISTORY))), min_size=1),
    st.integers(1, len(HISTORY)),
    st.sampled_from(("missed", "duress")),
)
def test_whatever_cannot_be_read_what_is_raised_opens_or_joins(gone: set[int], length: int, name: str) -> None:
    history = partial([event for index, event in enumerate(HISTORY[:length]) if index not in gone], len(gone))
    raised = replace(
        trigger("duress", DURESS, event_id="new") if name == "duress" else missed(), trigger_event_id="new"
    )
    for command in (raised, do(SUE, "code_word", T0 + 200 * MINUTE, TaskNo(9, 9), raised=raised)):
        first = history.when(command)[0]
        assert isinstance(first, EscalationOpened | EscalationJoined)


@drawn(
    st.sets(st.sampled_from(range(len(HISTORY))), min_size=1),
    st.integers(1, len(HISTORY)),
    st.sampled_from(
        (take(SUE, T0), give_back(SUE, T0), hand_over(SUE, SAM, T0), do(SUE, "no_answer", T0), do(SUE, "safe", T0))
    ),
    st.sampled_from((TaskNo(1, 1), TaskNo(1, 4), TaskNo(1, 5), TaskNo(2, 1))),
)
def test_whatever_cannot_be_read_what_people_do_is_decided(
    gone: set[int], length: int, command: TakeTask | GiveBackTask | HandOverTask | DoTask, task: TaskNo
) -> None:
    history = partial([event for index, event in enumerate(HISTORY[:length]) if index not in gone], len(gone))
    try:
        events = history.when(replace(command, task=task))
    except Rejected:
        events = []
    assert not ids(events) & ids(HISTORY[:length])


def test_a_task_whose_step_cannot_be_read_is_offered_again() -> None:
    started = until(StepStarted)
    history = partial(HISTORY[:started])
    assert history.rejected(take(SUE, T0)) == "task_unknown"
    assert told(history.when(next_step(1, T0 + MINUTE, directory=PEOPLE))) == ["step 1-1 sue sam"]


def test_a_task_whose_taking_cannot_be_read_is_free_and_passes_on() -> None:
    taken = until(TaskTaken)
    history = partial(HISTORY[:taken])
    assert [told for told, _ in passes_on(history)] == ["1.1.1.2"]
    assert told(history.when(take(SAM, T0 + 3 * MINUTE))) == ["taken sam"]


def test_a_task_whose_result_cannot_be_read_can_be_done_again_and_the_ladder_keeps_its_time() -> None:
    done = until(TaskDone)
    history = partial(HISTORY[:done])
    assert next_turn(history) == (2, 10 * MINUTE)
    assert told(history.when(do(SAM, "far", T0 + 7 * MINUTE))) == ["done sam far"]


def test_a_step_to_which_an_outcome_led_an_exhausted_ladder_is_not_lost_to_a_round_that_was_due() -> None:
    turns = [next_step(turn, T0 + turn * 30 * MINUTE, directory=PEOPLE) for turn in (2, 3, 4, 6)]
    led = after(missed(), *turns, do(LIZ, "emergency", T0 + 181 * MINUTE, TaskNo(1, 4)))
    history = Given(ESCALATION, replace(led.state, unreadable=1))
    assert next_turn(history)[0] == 5
    assert history.when(next_step(7, T0 + 200 * MINUTE, directory=PEOPLE)) == []


def test_a_ladder_that_an_unreadable_trigger_stopped_goes_on() -> None:
    joined = until(EscalationJoined)
    history = partial([*HISTORY[:joined], *HISTORY[joined + 1 : joined + 3]])
    assert [run.stopped for run in history.state.ladders] == [False]


@pytest.mark.parametrize("index", range(1, len(HISTORY)))
def test_an_event_of_a_task_that_is_not_there_changes_nothing(index: int) -> None:
    event = HISTORY[index]
    if isinstance(event, TASK_EVENTS):
        assert ESCALATION.evolve(ESCALATION.initial, event) == ESCALATION.initial
        opened = ESCALATION.fold([HISTORY[0]])
        assert replace(ESCALATION.evolve(opened, event), told=(), asked=0) == replace(opened, told=(), asked=0)


@drawn(st.permutations(range(len(HISTORY))))
def test_records_in_whatever_order_leave_a_state_that_is_watched(order: list[int]) -> None:
    state = ESCALATION.fold([HISTORY[index] for index in order])
    assert bool(ESCALATION.deadlines(state)) == state.open
