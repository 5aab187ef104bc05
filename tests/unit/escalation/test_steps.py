"""The steps of a ladder, one by one, for few people and for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.escalation.domain import (
    ESCALATION,
    UNREADABLE_REPEATS,
    Command,
    Directory,
    command_for,
)
from services.escalation.domain.asking import Asking
from shared.contracts.escalations import EscalationExhausted, StepStarted
from shared.contracts.roles import Role
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.escalation.examples import (
    CROWD,
    DIRECTORY,
    FIRST_STEP,
    HEIDI,
    LASTS,
    LIZ,
    MINUTE,
    NOBODY,
    OPENED,
    REPEATS,
    SAM,
    SECOND,
    SUE,
    T0,
    TAKEN,
    WALT,
    acknowledge,
    after,
    ask,
    asked,
    cites,
    ladder,
    next_step,
    raise_help,
    raise_missed,
    resolve,
    runs_out,
    stand_down,
    step,
)

if TYPE_CHECKING:
    from shared.contracts.base import Event

# Steps


@pytest.mark.requirement("M-09")
def test_the_next_step_starts_at_its_time_and_counts_the_wait_from_its_own_dispatch() -> None:
    late = T0 + 9 * MINUTE
    assert given(ESCALATION, OPENED, FIRST_STEP).when(next_step(2, late)) == [
        StepStarted(
            escalation_id="visit1.1",
            ladder_no=1,
            step=2,
            name="second",
            asks=(
                ask(3, LIZ, Role.LINE_MANAGER),
                ask(4, SUE, Role.LINE_MANAGER, Role.SUPERVISOR),
                ask(5, SAM, Role.SUPERVISOR),
            ),
            next_at=late + 10 * MINUTE,
            cites=cites("second"),
        )
    ]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(next_step(2, T0 + 5 * MINUTE - SECOND), id="too early"),
        pytest.param(next_step(1, T0 + 5 * MINUTE), id="already started"),
        pytest.param(next_step(3, T0 + 5 * MINUTE), id="not the next"),
        pytest.param(next_step(2, T0 + 5 * MINUTE, ladder_no=2), id="no such ladder"),
        pytest.param(command_for(Deadline("step", "2.1.2", T0), DIRECTORY, T0 + 5 * MINUTE), id="another episode"),
    ],
)
def test_a_step_that_is_not_next_or_not_due_gives_nothing(command: Command) -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP).when(command) == []


def test_no_step_starts_while_its_ladder_is_acknowledged() -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP, TAKEN).when(next_step(2, T0 + 5 * MINUTE)) == []


def test_no_step_starts_after_the_end() -> None:
    assert after(raise_missed(), resolve(SUE, T0 + MINUTE)).when(next_step(2, T0 + 5 * MINUTE)) == []


def test_a_step_that_only_the_worker_in_danger_could_take_is_recorded_and_the_next_starts_at_once() -> None:
    alone = Directory(holders={Role.SUPERVISOR: (WALT,), Role.LINE_MANAGER: (LIZ,)}, everyone=(WALT, LIZ))
    _, first, second = given(ESCALATION).when(raise_missed(directory=alone))
    assert isinstance(first, StepStarted)
    assert (first.asks, first.next_at) == ((), T0)
    assert isinstance(second, StepStarted)
    assert second.asks == (ask(1, LIZ, Role.LINE_MANAGER),)
    assert second.next_at == T0 + 10 * MINUTE


def test_a_ladder_whose_roles_nobody_holds_is_exhausted_at_once_and_goes_on_repeating() -> None:
    history = after(raise_missed(directory=NOBODY))
    assert history.deadlines == [Deadline("step", "1.1.4", T0 + REPEATS)]
    repeated = history.when(next_step(4, T0 + REPEATS))
    assert asked(repeated) == [SUE, SAM, LIZ, HEIDI]


def test_a_role_that_cannot_act_on_an_escalation_is_told_of_none() -> None:
    workers = ladder("help", step("colleagues", Role.WORKER, Role.AUDITOR, wait=MINUTE))
    _, colleagues, _ = given(ESCALATION).when(raise_help(ladder=workers))
    assert isinstance(colleagues, StepStarted)
    assert colleagues.asks == ()


def test_after_the_last_step_everyone_is_told_again_and_again() -> None:
    history = after(raise_missed(), next_step(2, T0 + 5 * MINUTE))
    now = T0 + 15 * MINUTE
    for done in range(1, 5):
        events = history.when(next_step(2 + done, now))
        assert len(events) == 1
        exhausted = events[0]
        assert isinstance(exhausted, EscalationExhausted)
        assert (exhausted.round, exhausted.next_at, exhausted.cites) == (done, now + REPEATS, cites("repeats"))
        assert asked(events) == [SUE, SAM, LIZ, HEIDI]
        history, now = history.then(next_step(2 + done, now)), now + REPEATS


# Many people, and people who have gone


def sizes(events: list[Event]) -> list[tuple[str, int, int]]:
    return [
        (type(event).__name__, getattr(event, "part", 1), len(event.asks))
        for event in events
        if isinstance(event, Asking)
    ]


def each_asked_once(events: list[Event]) -> bool:
    asks = [item for event in events for item in getattr(event, "asks", ())]
    return len({item.notification_id for item in asks}) == len({item.worker_id for item in asks}) == len(asks) == 450


def test_everyone_of_a_crowd_is_asked_in_one_decision_in_parts_that_can_be_queued() -> None:
    first = given(ESCALATION).when(raise_missed(ladder=None, directory=CROWD))
    assert sizes(first) == [("EscalationExhausted", part, size) for part, size in ((1, 200), (2, 200), (3, 50))]
    history = given(ESCALATION, *first)
    assert history.deadlines == [Deadline("step", "1.1.2", T0 + UNREADABLE_REPEATS)]
    second = history.when(next_step(2, T0 + UNREADABLE_REPEATS, directory=CROWD))
    assert [event.round for event in second if isinstance(event, EscalationExhausted)] == [2, 2, 2]
    assert each_asked_once(first)
    assert each_asked_once(second)


def test_whatever_else_tells_a_crowd_comes_in_parts_too_and_counts_once() -> None:
    step = given(ESCALATION).when(raise_missed(directory=CROWD))
    history = given(ESCALATION, *step)
    assert history.deadlines == [Deadline("step", "1.1.2", T0 + 5 * MINUTE)]
    joined = history.when(raise_help(now=T0 + MINUTE, ladder=None, directory=CROWD))
    both = given(ESCALATION, *step, *joined)
    assert [deadline.subject for deadline in both.deadlines] == ["1.1.2", "1.2.2"]
    assert (both.state.triggers, len(both.state.ladders)) == (2, 2)
    held = both.then(acknowledge("person1", T0 + MINUTE))
    ran_out = held.when(runs_out(T0 + LASTS + MINUTE, directory=CROWD))
    for events in (step, joined[:3], joined[3:], ran_out, both.when(resolve("person1", T0 + 2 * MINUTE))):
        assert [(part, size) for _, part, size in sizes(events)] == [(1, 200), (2, 200), (3, 50)]
        assert each_asked_once(events)
    assert given(ESCALATION, *step, *joined, *both.when(stand_down("person1", T0))).deadlines == []


def test_whoever_has_lost_every_role_is_not_told_again_but_gets_the_all_clear() -> None:
    without_sam = Directory(holders={Role.SUPERVISOR: (SUE,)}, everyone=(SUE, LIZ))
    history = after(raise_missed(), acknowledge(SUE, T0))
    assert asked(history.when(raise_missed("missed2", now=T0 + MINUTE, directory=without_sam))) == [SUE]
    assert asked(history.when(runs_out(T0 + LASTS, directory=without_sam))) == [SUE]
    assert asked(history.when(resolve(SUE, T0 + MINUTE))) == [SUE, SAM]


def test_where_nobody_told_may_act_any_more_everyone_who_may_is_told() -> None:
    others = Directory(holders={Role.LINE_MANAGER: (LIZ,)}, everyone=(WALT, LIZ))
    history = after(raise_missed(), acknowledge(SUE, T0))
    assert asked(history.when(raise_missed("missed2", now=T0 + MINUTE, directory=others))) == [LIZ]
    assert asked(history.when(runs_out(T0 + LASTS, directory=others))) == [LIZ]
