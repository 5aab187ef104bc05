"""A record that nothing can read is missing from a history, and the escalation goes on: rather told twice than not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from services.escalation.domain import ESCALATION, Command, Escalation, command_for
from shared.contracts.asks import MOST_ASKS
from shared.contracts.base import Event
from shared.contracts.escalations import (
    EscalationAcknowledged,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    StepStarted,
)
from tests.support.given import Given
from tests.unit.escalation.examples import (
    DIRECTORY,
    LASTS,
    LIZ,
    MINUTE,
    SUE,
    T0,
    acknowledge,
    came,
    next_step,
    not_reached,
    raise_awaited,
    raise_help,
    raise_missed,
    resolve,
    runs_out,
)

COMMANDS: tuple[Command, ...] = (
    raise_missed(),
    not_reached(1, 2, now=T0 + MINUTE),
    next_step(2, T0 + 5 * MINUTE),
    acknowledge(SUE, T0 + 6 * MINUTE),
    raise_help(now=T0 + 7 * MINUTE),
    next_step(2, T0 + 9 * MINUTE, ladder_no=2),
    runs_out(T0 + 6 * MINUTE + LASTS),
    resolve(LIZ, T0 + 40 * MINUTE),
    raise_awaited("end_overdue", now=T0 + 50 * MINUTE),
    came("end_overdue", came_at=T0 + 51 * MINUTE),
    raise_missed("missed2", now=T0 + 60 * MINUTE),
)


def whole() -> list[Event]:
    """Return two hours of an escalation, in which most things happen once."""
    events: list[Event] = []
    for command in COMMANDS:
        events += ESCALATION.decide(command, ESCALATION.fold(events))
    return events


HISTORY = whole()


def partial(events: list[Event], unreadable: int) -> Given[Command, Event, Escalation]:
    return Given(ESCALATION, replace(ESCALATION.fold(events), unreadable=unreadable))


def missing(*indexes: int, of: list[Event]) -> list[Event]:
    return [event for index, event in enumerate(of) if index not in indexes]


def ids(events: list[Event]) -> set[str]:
    return {ask.notification_id for event in events for ask in getattr(event, "asks", ())}


@drawn(st.sets(st.sampled_from(range(len(HISTORY))), min_size=1))
def test_whatever_cannot_be_read_a_missed_check_in_is_raised_with_ids_that_were_never_given_out(gone: set[int]) -> None:
    rest = missing(*gone, of=HISTORY)
    raised = partial(rest, len(gone)).when(raise_missed("new", now=T0 + 70 * MINUTE))
    assert isinstance(raised[0], EscalationOpened | EscalationJoined)
    assert ids(raised)
    assert not ids(raised) & ids(HISTORY)
    opened = [event.escalation_id for event in HISTORY if isinstance(event, EscalationOpened)]
    assert not isinstance(raised[0], EscalationOpened) or raised[0].escalation_id not in opened


@drawn(st.sets(st.sampled_from(range(len(HISTORY))), min_size=1), st.integers(1, len(HISTORY)))
def test_whatever_cannot_be_read_an_open_escalation_has_a_deadline_that_can_be_handled(
    gone: set[int], length: int
) -> None:
    rest = [event for index, event in enumerate(HISTORY[:length]) if index not in gone]
    history = partial(rest, len(gone))
    assert bool(history.deadlines) == history.state.open
    for deadline in history.deadlines:
        command = command_for(deadline, DIRECTORY, T0 + 200 * MINUTE)
        assert history.when(command) != []


def test_without_the_first_step_it_starts_again_at_once() -> None:
    opened, _ = HISTORY[:2]
    history = partial([opened], 1)
    (deadline,) = history.deadlines
    assert (deadline.subject, deadline.due_at < T0) == ("1.1.1", True)
    (step,) = history.when(command_for(deadline, DIRECTORY, T0 + MINUTE))
    assert isinstance(step, StepStarted)
    assert (step.step, step.asks[0].notification_id) == (1, f"visit1.1.{MOST_ASKS + 1}")


def test_a_turn_whose_own_record_cannot_be_read_is_the_one_that_was_due() -> None:
    opened, _ = HISTORY[:2]
    (step,) = partial([opened], 1).when(next_step(2, T0 + 5 * MINUTE))
    assert isinstance(step, StepStarted)
    assert step.step == 2


def test_an_end_that_cannot_be_read_leaves_it_open_until_somebody_ends_it_again() -> None:
    end = next(index for index, event in enumerate(HISTORY) if isinstance(event, EscalationResolved))
    history = partial(HISTORY[:end], 1)
    assert history.deadlines != []
    assert type(history.when(resolve(LIZ, T0 + 60 * MINUTE))[0]) is EscalationResolved


def test_an_acknowledgement_that_cannot_be_read_stops_nothing_and_can_be_given_again() -> None:
    taken = next(index for index, event in enumerate(HISTORY) if isinstance(event, EscalationAcknowledged))
    history = partial(HISTORY[:taken], 1)
    assert type(history.when(acknowledge(LIZ, T0 + 7 * MINUTE))[0]) is EscalationAcknowledged


def test_nothing_lapses_of_which_a_part_cannot_be_read_for_it_may_have_been_a_call_for_help() -> None:
    events = ESCALATION.decide(raise_awaited("start_overdue"), ESCALATION.initial)
    assert partial(list(events), 1).when(came("start_overdue")) == []


@pytest.mark.parametrize("index", range(1, len(HISTORY)))
def test_an_event_of_an_episode_that_is_not_there_changes_nothing(index: int) -> None:
    event = HISTORY[index]
    if not isinstance(event, EscalationOpened):
        assert ESCALATION.evolve(ESCALATION.initial, event) == ESCALATION.initial
