"""The rules of escalations that nobody called for: what did not come, what Lonewatch could not do, whom nobody reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.escalation.domain import ESCALATION, Command, Escalation
from shared.contracts.asks import Ask
from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.escalations import (
    SYSTEM,
    AcknowledgementRanOut,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.ladders import Trigger
from shared.contracts.troubles import UNKNOWN_WORKER
from shared.decider import Deadline
from tests.support.given import Given, given
from tests.unit.escalation.examples import (
    HELP,
    LIZ,
    MINUTE,
    MISSED,
    PARKED,
    SAM,
    SECOND,
    SUE,
    T0,
    VISIT,
    WALT,
    acknowledge,
    came,
    next_step,
    not_reached,
    raise_awaited,
    raise_help,
    raise_missed,
    raise_system,
    raise_trouble,
    resolve,
    runs_out,
)


def after(*commands: Command) -> Given[Command, Event, Escalation]:
    history = given(ESCALATION)
    for command in commands:
        history = history.then(command)
    return history


def types(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


# Troubles


def test_a_trouble_of_a_visit_runs_on_its_ladder_and_says_what_is_wrong() -> None:
    opened, first = given(ESCALATION).when(raise_trouble())
    assert isinstance(opened, EscalationOpened)
    assert (opened.escalation_id, opened.trigger, opened.trouble) == ("visit1.1", "trouble", PARKED)
    assert isinstance(first, StepStarted)
    assert [ask.worker_id for ask in first.asks] == [SUE, SAM]


def test_a_trouble_of_lonewatch_itself_has_a_subject_that_no_visit_and_no_worker_can_have() -> None:
    opened, exhausted = given(ESCALATION).when(raise_system())
    assert isinstance(opened, EscalationOpened)
    assert (opened.escalation_id, opened.visit_id, opened.worker_id, opened.site_id) == (
        f"{SYSTEM}.1",
        None,
        UNKNOWN_WORKER,
        OPERATOR_SITE,
    )
    assert [ask.worker_id for ask in getattr(exhausted, "asks", ())][:2] == [WALT, SUE]


def test_another_trouble_of_lonewatch_joins_and_is_told_and_starts_no_ladder() -> None:
    (joined,) = after(raise_system(ladder=MISSED)).when(raise_system("trouble2", ladder=MISSED, now=T0 + MINUTE))
    assert isinstance(joined, EscalationJoined)
    assert (joined.ladder_no, joined.trouble) == (None, PARKED)
    assert [ask.notification_id for ask in joined.asks][:1] == [f"{SYSTEM}.1.4"]


def test_why_a_trigger_was_recorded_late_stands_in_what_it_opens_and_in_what_it_joins() -> None:
    (opened, _), (joined,) = (
        given(ESCALATION).when(raise_awaited("end_overdue")),
        after(raise_missed()).when(raise_awaited("end_overdue")),
    )
    assert isinstance(opened, EscalationOpened)
    assert isinstance(joined, EscalationJoined)
    assert (opened.late, joined.late) == ("system_outage", "system_outage")


@pytest.mark.parametrize("graver", [raise_help(now=T0 + MINUTE), raise_missed(now=T0 + MINUTE)])
@pytest.mark.parametrize("first", [raise_awaited("end_overdue"), raise_trouble(), raise_awaited("approval_overdue")])
def test_help_or_a_missed_check_in_during_anything_less_starts_its_own_ladder(first: Command, graver: Command) -> None:
    joined, step = after(first, acknowledge(SUE, T0 + SECOND)).when(graver)
    assert isinstance(joined, EscalationJoined)
    assert joined.ladder_no == 2
    assert isinstance(step, StepStarted)


def test_a_worker_who_is_named_only_by_what_joins_is_not_asked_about_themselves_and_cannot_take_it() -> None:
    nameless = replace(raise_trouble(), worker_id=UNKNOWN_WORKER)
    history = after(nameless)
    assert WALT in history.state.told, "nobody could know that it is about him"
    joined, step = history.when(raise_help(now=T0 + MINUTE))
    assert isinstance(joined, EscalationJoined)
    assert joined.worker_id == WALT
    assert WALT not in {ask.worker_id for ask in (*joined.asks, *getattr(step, "asks", ()))}
    named = history.then(raise_help(now=T0 + MINUTE))
    assert named.rejected(acknowledge(WALT, T0 + 2 * MINUTE)) == "own_escalation"
    assert named.state.worker_id == WALT


# What comes after all


def test_what_was_awaited_comes_and_everyone_told_gets_the_all_clear() -> None:
    history = after(raise_awaited("start_overdue"))
    assert history.when(came("approval_overdue", "start_overdue")) == [
        EscalationLapsed(
            escalation_id="visit1.1",
            visit_id=VISIT,
            worker_id=WALT,
            site_id="north",
            reason="visit_started",
            asks=(
                Ask(notification_id="visit1.1.3", worker_id=SUE, roles=()),
                Ask(notification_id="visit1.1.4", worker_id=SAM, roles=()),
            ),
        )
    ]
    lapsed = history.then(came("start_overdue"))
    assert lapsed.deadlines == []
    assert lapsed.when(came("start_overdue")) == []
    assert lapsed.rejected(resolve(SUE, T0 + MINUTE)) == "not_open"


def test_it_lapses_though_somebody_has_taken_it() -> None:
    taken = after(raise_awaited("end_overdue"), acknowledge(LIZ, T0 + MINUTE))
    (lapsed,) = taken.when(came("end_overdue", reason="visit_extended", came_at=T0 + 2 * MINUTE))
    assert isinstance(lapsed, EscalationLapsed)
    assert [ask.worker_id for ask in lapsed.asks] == [SUE, SAM, LIZ]


@pytest.mark.parametrize("graver", [raise_help(), raise_missed(), raise_trouble()])
def test_nothing_graver_ever_lapses(graver: Command) -> None:
    everything: tuple[Trigger, ...] = ("start_overdue", "end_overdue", "help", "check_in_missed", "trouble")
    assert after(raise_awaited("start_overdue"), graver).when(came(*everything)) == []
    assert after(graver, raise_awaited("start_overdue")).when(came(*everything)) == []


def test_it_goes_on_while_something_else_is_still_awaited() -> None:
    both = after(raise_awaited("start_overdue"), raise_awaited("report_overdue", "awaited2"))
    assert both.when(came("start_overdue")) == []
    assert types(both.when(came("start_overdue", "report_overdue"))) == [EscalationLapsed]


def test_what_came_before_it_fell_due_answers_nothing() -> None:
    history = after(raise_awaited("end_overdue", now=T0 + MINUTE))
    assert history.when(came("end_overdue", came_at=T0)) == []


# Whom nobody reached


def test_a_step_of_which_nobody_can_be_told_is_followed_by_the_next_at_once() -> None:
    history = after(raise_missed())
    now = T0 + SECOND
    assert history.when(not_reached(1, now=now)) == []
    assert history.when(not_reached(2, 1, now=now)) == [
        StepReachedNobody(escalation_id="visit1.1", ladder_no=1, turn=1, next_at=now)
    ]
    nobody = history.then(not_reached(2, 1, now=now))
    assert nobody.deadlines == [Deadline("step", "1.1.2", now)]
    assert nobody.when(not_reached(2, 1, now=now)) == []
    assert types(nobody.when(next_step(2, now))) == [StepStarted]


def test_a_step_that_is_over_is_not_hastened() -> None:
    history = after(raise_missed(), next_step(2, T0 + 5 * MINUTE))
    assert history.when(not_reached(1, 2, now=T0 + 6 * MINUTE)) == []


def test_the_last_step_reaching_nobody_tells_everyone_at_once_and_then_keeps_its_rhythm() -> None:
    now = T0 + 2 * SECOND
    history = after(raise_help(), not_reached(1, 2, 3, now=T0 + SECOND), next_step(2, now))
    (everyone,) = history.deadlines
    assert everyone.due_at > now
    assert history.when(not_reached(4, 5, 6, 7, now=now)) == []


def test_an_acknowledged_ladder_is_left_alone() -> None:
    taken = after(raise_missed(), acknowledge(LIZ, T0 + SECOND))
    assert taken.when(not_reached(1, 2, now=T0 + MINUTE)) == []


def test_of_two_ladders_the_one_whose_step_reached_nobody_goes_on() -> None:
    history = after(raise_missed(), raise_help(now=T0 + MINUTE))
    (nobody,) = history.when(not_reached(5, 6, 7, now=T0 + MINUTE))
    assert isinstance(nobody, StepReachedNobody)
    assert (nobody.ladder_no, nobody.turn) == (2, 1)


def test_what_was_told_again_when_an_acknowledgement_ran_out_hastens_no_step() -> None:
    history = after(raise_missed(), acknowledge(LIZ, T0), runs_out(T0 + 20 * MINUTE))
    (ran_out,) = after(raise_missed(), acknowledge(LIZ, T0)).when(runs_out(T0 + 20 * MINUTE))
    assert isinstance(ran_out, AcknowledgementRanOut)
    assert history.when(not_reached(3, 4, 5, now=T0 + 20 * MINUTE)) == []


# The ladder of the policy


def test_a_trigger_without_a_ladder_of_its_own_is_never_told_less_than_a_missed_check_in() -> None:
    assert [step.name for step in HELP.steps] != [step.name for step in MISSED.steps]
    opened, first = given(ESCALATION).when(raise_awaited("report_overdue"))
    assert isinstance(opened, EscalationOpened)
    assert isinstance(first, StepStarted)
    assert opened.ladder == MISSED
