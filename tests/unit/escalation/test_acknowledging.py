"""Who takes an escalation, what of it they take, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.escalation.domain import (
    ESCALATION,
    UNREADABLE_LASTS,
    Command,
    triggers_told_with,
)
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import AcknowledgementRanOut, EscalationAcknowledged, EscalationExhausted, StepStarted
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.escalation.examples import (
    CROWD,
    FIRST_STEP,
    HELP,
    LASTS,
    MINUTE,
    MISSED,
    OPENED,
    SAM,
    SECOND,
    SUE,
    T0,
    TAKEN,
    WALT,
    Act,
    acknowledge,
    after,
    ask,
    cites,
    ladder,
    next_step,
    raise_help,
    raise_missed,
    resolve,
    runs_out,
    stand_down,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from shared.contracts.ladders import Ladder

# Acknowledging


def test_whoever_is_first_takes_it_and_every_ladder_stops() -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP).when(acknowledge(SUE, T0 + MINUTE)) == [TAKEN]
    assert given(ESCALATION, OPENED, FIRST_STEP, TAKEN).deadlines == [
        Deadline("acknowledgement", "1", T0 + MINUTE + LASTS)
    ]


def test_a_second_person_is_told_that_somebody_has_taken_it() -> None:
    taken = given(ESCALATION, OPENED, FIRST_STEP, TAKEN)
    assert taken.rejected(acknowledge(SAM, T0 + 2 * MINUTE)) == "already_acknowledged"


def test_the_owner_who_acknowledges_again_changes_nothing() -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP, TAKEN).when(acknowledge(SUE, T0 + 2 * MINUTE)) == []


def test_the_owner_takes_a_graver_ladder_by_acknowledging_again() -> None:
    history = after(raise_missed(), acknowledge(SUE, T0 + MINUTE), raise_help(now=T0 + 2 * MINUTE))
    events = history.when(acknowledge(SUE, T0 + 3 * MINUTE))
    assert events == [TAKEN.model_copy(update={"ladders": (2,)})], "it holds no longer than it did"


def test_somebody_else_may_take_the_escalation_while_a_graver_ladder_is_free() -> None:
    held = given(ESCALATION, OPENED, FIRST_STEP, TAKEN).then(raise_help(now=T0 + 2 * MINUTE))
    (taken_over,) = held.when(acknowledge(SAM, T0 + 3 * MINUTE))
    assert isinstance(taken_over, EscalationAcknowledged)
    assert (taken_over.by, taken_over.ladders) == (SAM, (2,))
    assert held.then(acknowledge(SAM, T0 + 3 * MINUTE)).rejected(acknowledge(SUE, T0 + 4 * MINUTE)) == (
        "already_acknowledged"
    )


def test_a_graver_ladder_goes_on_until_it_is_acknowledged_itself() -> None:
    history = after(raise_missed(), acknowledge(SUE, T0 + MINUTE), raise_help(now=T0 + 2 * MINUTE))
    exhausted = history.when(next_step(2, T0 + 4 * MINUTE, ladder_no=2))
    assert [type(event) for event in exhausted] == [EscalationExhausted]
    taken = history.then(acknowledge(SUE, T0 + 3 * MINUTE))
    assert taken.when(next_step(2, T0 + 4 * MINUTE, ladder_no=2)) == []


def test_the_worker_in_danger_cannot_acknowledge() -> None:
    assert after(raise_missed()).rejected(acknowledge(WALT, T0 + MINUTE)) == "own_escalation"


def test_without_a_readable_ladder_an_acknowledgement_still_runs_out() -> None:
    taken = after(raise_missed(ladder=None)).when(acknowledge(SUE, T0 + MINUTE))[0]
    assert isinstance(taken, EscalationAcknowledged)
    assert (taken.runs_out_at, taken.cites) == (T0 + MINUTE + UNREADABLE_LASTS, Cites(ours=True))


def test_an_acknowledgement_that_runs_out_is_told_and_the_ladder_goes_on_where_it_stopped() -> None:
    end = T0 + MINUTE + LASTS
    taken = given(ESCALATION, OPENED, FIRST_STEP, TAKEN)
    ran_out = runs_out(now=end)
    assert taken.when(ran_out) == [
        AcknowledgementRanOut(
            escalation_id="visit1.1",
            by=SUE,
            ladders=(1,),
            asks=(ask(3, SUE), ask(4, SAM)),
            next_at=end,
            cites=cites("lasts"),
        )
    ]
    assert taken.then(ran_out).deadlines == [Deadline("step", "1.1.2", end)]
    assert [type(event) for event in taken.then(ran_out).when(next_step(2, end))] == [StepStarted]


def test_a_ladder_that_was_never_stopped_keeps_its_time_when_the_acknowledgement_runs_out() -> None:
    end = T0 + MINUTE + LASTS
    history = after(
        raise_missed(),
        acknowledge(SUE, T0 + MINUTE),
        raise_help(now=end - MINUTE),
        runs_out(now=end),
    )
    assert history.deadlines == [Deadline("step", "1.1.2", end), Deadline("step", "1.2.2", end + MINUTE)]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(runs_out(now=T0 + MINUTE + LASTS - SECOND), id="too early"),
        pytest.param(runs_out(episode=2, now=T0 + MINUTE + LASTS), id="another episode"),
    ],
)
def test_an_acknowledgement_that_is_not_due_does_not_run_out(command: Command) -> None:
    assert given(ESCALATION, OPENED, FIRST_STEP, TAKEN).when(command) == []


def test_an_acknowledgement_runs_out_once() -> None:
    ran_out = runs_out(now=T0 + MINUTE + LASTS)
    assert after(raise_missed(), acknowledge(SUE, T0 + MINUTE), ran_out).when(ran_out) == []


def test_after_it_ran_out_somebody_else_can_take_it() -> None:
    end = T0 + MINUTE + LASTS
    history = after(raise_missed(), acknowledge(SUE, T0 + MINUTE), runs_out(now=end))
    assert [type(event) for event in history.when(acknowledge(SAM, end + SECOND))] == [EscalationAcknowledged]


# What somebody has not seen

SOONER = ladder("help", *HELP.steps, lasts=3 * MINUTE)
LATER = ladder("help", *HELP.steps, lasts=40 * MINUTE)


@pytest.mark.parametrize("end", [resolve, stand_down])
@pytest.mark.parametrize("trigger", [raise_help(now=T0 + MINUTE), raise_missed("missed2", now=T0 + MINUTE)])
def test_a_page_from_before_a_trigger_joined_ends_nothing(end: Act, trigger: Command) -> None:
    history = after(raise_missed(), trigger)
    assert history.rejected(end(SUE, T0 + 2 * MINUTE, seen=1)) == "changed_since"
    assert history.when(end(SUE, T0 + 2 * MINUTE, seen=2)) != []
    assert history.when(end(SUE, T0 + 2 * MINUTE)) != []


@pytest.mark.parametrize("end", [resolve, stand_down])
def test_steps_and_acknowledgements_after_the_page_was_opened_do_not_keep_anybody_from_ending_it(end: Act) -> None:
    history = after(raise_missed(), next_step(2, T0 + 5 * MINUTE), acknowledge(SAM, T0 + 6 * MINUTE))
    assert history.when(end(SUE, T0 + 7 * MINUTE, seen=1)) != []


def test_a_page_from_before_help_was_asked_for_takes_only_the_ladder_that_it_showed() -> None:
    history = after(raise_missed(), raise_help(now=T0 + MINUTE))
    (taken,) = history.when(acknowledge(SUE, T0 + 2 * MINUTE, seen=1))
    assert isinstance(taken, EscalationAcknowledged)
    assert (taken.ladders, taken.running) == ((1,), (2,))
    held = history.then(acknowledge(SUE, T0 + 2 * MINUTE, seen=1))
    assert {deadline.subject for deadline in held.deadlines} == {"1.2.2", "1"}
    assert held.when(acknowledge(SUE, T0 + 3 * MINUTE, seen=1)) == []
    assert held.rejected(acknowledge(SAM, T0 + 3 * MINUTE, seen=1)) == "already_acknowledged"
    (rest,) = held.when(acknowledge(SAM, T0 + 3 * MINUTE, seen=2))
    assert isinstance(rest, EscalationAcknowledged)
    assert (rest.by, rest.ladders, rest.running) == (SAM, (2,), ())


def test_whoever_knew_of_no_trigger_takes_nothing() -> None:
    assert after(raise_missed()).when(acknowledge(SUE, T0 + MINUTE, seen=0)) == []


def test_an_ask_tells_of_the_triggers_that_had_come_by_then() -> None:
    history: list[Event] = []
    for command in (raise_missed(), raise_help(now=T0 + MINUTE), resolve(SUE, T0 + 2 * MINUTE), raise_help("help2")):
        history += given(ESCALATION, *history).when(command)
    told = {item.notification_id: item for event in history for item in getattr(event, "asks", ())}
    known = {notification_id: triggers_told_with(notification_id, history) for notification_id in told}
    assert [known[f"visit1.1.{n}"] for n in range(1, 8)] == [1, 1, 2, 2, 2, 2, 2]
    assert known["visit1.2.1"] == 1
    assert triggers_told_with("visit1.1.99", history) == 0


def test_an_ask_of_a_trigger_that_tells_many_tells_of_that_trigger_in_every_part() -> None:
    history: list[Event] = list(given(ESCALATION).when(raise_missed(ladder=None, directory=CROWD)))
    history += given(ESCALATION, *history).when(raise_missed("missed2", directory=CROWD))
    assert [triggers_told_with(f"visit1.1.{n}", history) for n in (1, 450, 451, 900)] == [1, 1, 2, 2]


# How long an acknowledgement lasts


@pytest.mark.parametrize(
    ("joins", "span"), [pytest.param(SOONER, 3 * MINUTE, id="shorter"), pytest.param(LATER, LASTS, id="longer")]
)
def test_it_lasts_no_longer_than_any_ladder_that_it_stops_says(joins: Ladder, span: timedelta) -> None:
    says = joins if joins.acknowledgement_lasts.span == span else MISSED
    both = after(raise_missed(), raise_help(now=T0 + MINUTE, ladder=joins))
    (taken,) = both.when(acknowledge(SUE, T0 + 2 * MINUTE))
    assert isinstance(taken, EscalationAcknowledged)
    assert (taken.runs_out_at, taken.cites) == (T0 + 2 * MINUTE + span, says.acknowledgement_lasts.cites)


@pytest.mark.parametrize("by", [SUE, SAM])
@pytest.mark.parametrize(
    ("joins", "until", "says"),
    [
        pytest.param(SOONER, T0 + 5 * MINUTE, SOONER, id="shorter"),
        pytest.param(LATER, T0 + LASTS, MISSED, id="longer"),
        pytest.param(HELP, T0 + LASTS, MISSED, id="as long"),
    ],
)
def test_whoever_takes_a_further_ladder_holds_none_of_the_others_for_longer(
    by: str, joins: Ladder, until: datetime, says: Ladder
) -> None:
    history = after(raise_missed(), acknowledge(SUE, T0), raise_help(now=T0 + MINUTE, ladder=joins))
    (taken,) = history.when(acknowledge(by, T0 + 2 * MINUTE))
    assert isinstance(taken, EscalationAcknowledged)
    assert (taken.ladders, taken.runs_out_at, taken.cites) == ((2,), until, says.acknowledgement_lasts.cites)


def test_what_was_held_and_has_run_out_does_not_shorten_the_next() -> None:
    end = T0 + LASTS
    history = after(raise_missed(), acknowledge(SUE, T0), runs_out(now=end), raise_help(now=end + MINUTE))
    (taken,) = history.when(acknowledge(SAM, end + 2 * MINUTE))
    assert isinstance(taken, EscalationAcknowledged)
    assert taken.runs_out_at == end + 2 * MINUTE + LASTS


def test_what_is_not_taken_says_nothing_of_how_long_it_lasts() -> None:
    history = after(raise_missed(), raise_help(now=T0 + MINUTE, ladder=SOONER))
    (taken,) = history.when(acknowledge(SUE, T0 + 2 * MINUTE, seen=1))
    assert isinstance(taken, EscalationAcknowledged)
    assert taken.runs_out_at == T0 + 2 * MINUTE + LASTS
