"""How an escalation ends: resolved or stood down, by whom and for whom."""

from __future__ import annotations

import pytest

from services.escalation.domain import (
    ESCALATION,
)
from shared.contracts.escalations import EscalationResolved, EscalationStoodDown
from tests.support.given import given
from tests.unit.escalation.examples import (
    FIRST_STEP,
    HEIDI,
    LIZ,
    MINUTE,
    OPENED,
    SAM,
    SUE,
    T0,
    VISIT,
    WALT,
    Act,
    acknowledge,
    after,
    ask,
    asked,
    raise_help,
    raise_missed,
    resolve,
    stand_down,
)

# Ending


def test_resolving_says_who_confirmed_it_and_how_and_gives_everyone_told_the_all_clear() -> None:
    history = given(ESCALATION, OPENED, FIRST_STEP)
    assert history.when(resolve(LIZ, T0 + MINUTE)) == [
        EscalationResolved(
            escalation_id="visit1.1",
            visit_id=VISIT,
            worker_id=WALT,
            site_id="north",
            by=LIZ,
            confirmed_by=LIZ,
            how="met_in_person",
            note=None,
            asks=(ask(3, SUE), ask(4, SAM)),
        )
    ]


def test_standing_down_says_why_and_gives_everyone_told_the_all_clear() -> None:
    history = given(ESCALATION, OPENED, FIRST_STEP)
    assert history.when(stand_down(SUE, T0 + MINUTE)) == [
        EscalationStoodDown(
            escalation_id="visit1.1",
            visit_id=VISIT,
            worker_id=WALT,
            site_id="north",
            by=SUE,
            reason="forgot_to_check_in",
            note=None,
            asks=(ask(3, SUE), ask(4, SAM)),
        )
    ]


def test_an_owner_whom_no_step_has_asked_gets_the_all_clear_too() -> None:
    history = after(raise_missed(), acknowledge(HEIDI, T0 + MINUTE))
    assert asked(history.when(resolve(SUE, T0 + 2 * MINUTE))) == [SUE, SAM, HEIDI]


@pytest.mark.parametrize("end", [resolve, stand_down])
def test_the_worker_in_danger_cannot_end_it(end: Act) -> None:
    assert after(raise_missed()).rejected(end(WALT, T0 + MINUTE)) == "own_escalation"


@pytest.mark.parametrize("act", [acknowledge, resolve, stand_down])
def test_what_was_never_opened_can_be_neither_taken_nor_ended(act: Act) -> None:
    assert given(ESCALATION).rejected(act(SUE, T0)) == "not_open"


@pytest.mark.parametrize("act", [acknowledge, resolve, stand_down])
def test_what_has_ended_can_be_neither_taken_nor_ended(act: Act) -> None:
    assert after(raise_missed(), resolve(SUE, T0 + MINUTE)).rejected(act(SUE, T0 + 2 * MINUTE)) == "not_open"


@pytest.mark.parametrize("act", [acknowledge, resolve, stand_down])
def test_a_link_of_an_ended_episode_does_not_touch_the_one_that_is_open_now(act: Act) -> None:
    history = after(raise_missed(), resolve(SUE, T0 + MINUTE), raise_missed("missed2", now=T0 + 2 * MINUTE))
    assert history.rejected(act(SUE, T0 + 3 * MINUTE, escalation_id="visit1.1")) == "not_open"
    assert history.when(act(SUE, T0 + 3 * MINUTE, escalation_id="visit1.2")) != []


def test_nothing_falls_due_after_the_end() -> None:
    assert after(raise_missed(), raise_help(), acknowledge(SUE, T0), stand_down(SUE, T0 + MINUTE)).deadlines == []
