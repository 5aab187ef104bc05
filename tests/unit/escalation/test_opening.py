"""How an escalation opens and what joins it: given a history, when a trigger comes, then these events."""

from __future__ import annotations

import pytest

from services.escalation.domain import (
    ESCALATION,
    UNREADABLE_REPEATS,
)
from shared.contracts.base import Cites
from shared.contracts.escalations import EscalationExhausted, EscalationJoined, EscalationOpened, StepStarted
from shared.contracts.roles import Role
from tests.support.given import given
from tests.unit.escalation.examples import (
    FIRST_STEP,
    HEIDI,
    HELP,
    LIZ,
    MINUTE,
    OPENED,
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
    raise_help,
    raise_missed,
    resolve,
)

# Opening and joining


@pytest.mark.requirement("M-01")
@pytest.mark.requirement("M-02")
@pytest.mark.requirement("M-09")
def test_a_missed_check_in_opens_an_escalation_and_starts_its_first_step_in_one_decision() -> None:
    assert given(ESCALATION).when(raise_missed()) == [OPENED, FIRST_STEP]


@pytest.mark.requirement("DU-04")
def test_help_without_a_visit_opens_an_escalation_of_the_worker() -> None:
    opened = given(ESCALATION).when(raise_help(visit_id=None))[0]
    assert isinstance(opened, EscalationOpened)
    assert (opened.escalation_id, opened.visit_id, opened.worker_id) == ("walt.1", None, WALT)


def test_a_trigger_that_is_delivered_again_gives_nothing() -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP).when(raise_missed(now=T0 + MINUTE)) == []


def test_a_trigger_of_an_ended_episode_that_is_delivered_again_opens_nothing() -> None:
    assert after(raise_missed(), resolve(SUE, T0 + MINUTE)).when(raise_missed(now=T0 + 2 * MINUTE)) == []


def test_a_trigger_of_an_earlier_episode_that_is_delivered_again_does_not_join_the_one_open_now() -> None:
    history = after(raise_missed(), resolve(SUE, T0 + MINUTE), raise_missed("missed2", now=T0 + 2 * MINUTE))
    assert history.when(raise_missed(now=T0 + 3 * MINUTE)) == []


def test_a_trigger_that_is_no_graver_joins_and_is_told_to_everyone_told_and_starts_no_ladder() -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP).when(raise_missed("missed2", now=T0 + MINUTE)) == [
        EscalationJoined(
            escalation_id="visit1.1",
            trigger="check_in_missed",
            trigger_event_id="missed2",
            due_at=T0 - SECOND,
            ladder=None,
            ladder_no=None,
            asks=(ask(3, SUE), ask(4, SAM)),
        )
    ]


def test_a_missed_check_in_that_joins_a_call_for_help_starts_no_ladder() -> None:
    joined = after(raise_help()).when(raise_missed(now=T0 + MINUTE))
    assert [type(event) for event in joined] == [EscalationJoined]


def test_a_second_call_for_help_is_told_at_once_and_starts_no_second_ladder() -> None:
    joined = after(raise_help()).when(raise_help("help2", now=T0 + MINUTE))
    assert [type(event) for event in joined] == [EscalationJoined]
    assert asked(joined) == [SUE, SAM, HEIDI]


def test_help_while_a_missed_check_in_is_acknowledged_starts_its_own_ladder() -> None:
    history = given(ESCALATION, OPENED, FIRST_STEP, TAKEN)
    assert history.when(raise_help(now=T0 + 2 * MINUTE)) == [
        EscalationJoined(
            escalation_id="visit1.1",
            trigger="help",
            trigger_event_id="help1",
            due_at=None,
            ladder=HELP,
            ladder_no=2,
            policy_id="policy1",
            policy_version=3,
            asks=(ask(3, SUE), ask(4, SAM)),
        ),
        StepStarted(
            escalation_id="visit1.1",
            ladder_no=2,
            step=1,
            name="all hands",
            asks=(ask(5, SUE, Role.SUPERVISOR), ask(6, SAM, Role.SUPERVISOR), ask(7, HEIDI, Role.HEAD_OF_PROVISION)),
            next_at=T0 + 4 * MINUTE,
            cites=cites("all hands"),
        ),
    ]


def test_an_owner_whom_no_step_has_asked_is_told_of_a_trigger_that_joins() -> None:
    joined = after(raise_missed(), acknowledge(HEIDI, T0 + MINUTE)).when(raise_missed("missed2", now=T0 + 2 * MINUTE))
    assert asked(joined) == [SUE, SAM, HEIDI]


def test_without_a_readable_ladder_everyone_of_the_site_is_told_at_once() -> None:
    opened, exhausted = given(ESCALATION).when(raise_missed(ladder=None))
    assert isinstance(opened, EscalationOpened)
    assert exhausted == EscalationExhausted(
        escalation_id="visit1.1",
        ladder_no=1,
        round=1,
        asks=(
            ask(1, SUE, Role.SUPERVISOR, Role.LINE_MANAGER),
            ask(2, SAM, Role.SUPERVISOR),
            ask(3, LIZ, Role.LINE_MANAGER),
            ask(4, HEIDI, Role.HEAD_OF_PROVISION),
        ),
        next_at=T0 + UNREADABLE_REPEATS,
        cites=Cites(ours=True),
    )


def test_a_graver_trigger_without_a_readable_ladder_tells_everyone_too() -> None:
    joined, exhausted = after(raise_missed()).when(raise_help(now=T0 + MINUTE, ladder=None))
    assert isinstance(joined, EscalationJoined)
    assert (joined.ladder, joined.ladder_no) == (None, 2)
    assert isinstance(exhausted, EscalationExhausted)
    assert (exhausted.ladder_no, exhausted.round) == (2, 1)


def test_after_an_end_a_new_trigger_opens_the_next_episode_with_ids_of_its_own() -> None:
    opened, first = after(raise_missed(), resolve(SUE, T0 + MINUTE)).when(raise_missed("missed2", now=T0 + 2 * MINUTE))
    assert isinstance(opened, EscalationOpened)
    assert (opened.escalation_id, opened.episode) == ("visit1.2", 2)
    assert isinstance(first, StepStarted)
    assert [item.notification_id for item in first.asks] == ["visit1.2.1", "visit1.2.2"]
