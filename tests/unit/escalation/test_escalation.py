"""The rules of an escalation, one by one: given a history, when a command comes, then these events."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from services.escalation import domain
from services.escalation.domain import (
    ESCALATION,
    REFUSALS,
    UNREADABLE_LASTS,
    UNREADABLE_REPEATS,
    AcknowledgementRunsOut,
    Command,
    Directory,
    Escalation,
    command_for,
    triggers_told_with,
)
from services.escalation.domain.asking import Asking
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    Ask,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.grants import Grants
from shared.contracts.policy import Ladder
from shared.contracts.roles import Role
from shared.contracts.visits import VisitEnded
from shared.decider import Deadline
from tests.support.given import Given, given
from tests.unit.escalation.examples import (
    DIRECTORY,
    HEIDI,
    HELP,
    LASTS,
    LIZ,
    MINUTE,
    MISSED,
    NOBODY,
    REPEATS,
    SAM,
    SECOND,
    SUE,
    T0,
    VISIT,
    WALT,
    Act,
    acknowledge,
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


def ask(n: int, worker_id: str, *roles: Role, escalation_id: str = "visit1.1") -> Ask:
    return Ask(notification_id=f"{escalation_id}.{n}", worker_id=worker_id, roles=roles)


def after(*commands: Command) -> Given[Command, Event, Escalation]:
    history = given(ESCALATION)
    for command in commands:
        history = history.then(command)
    return history


def asked(events: list[Event]) -> list[str]:
    return [item.worker_id for event in events for item in getattr(event, "asks", ())]


OPENED = EscalationOpened(
    escalation_id="visit1.1",
    episode=1,
    visit_id=VISIT,
    worker_id=WALT,
    site_id="north",
    trigger="check_in_missed",
    trigger_event_id="missed1",
    due_at=T0 - SECOND,
    policy_id="policy1",
    policy_version=3,
    ladder=MISSED,
    ladder_no=1,
)
FIRST_STEP = StepStarted(
    escalation_id="visit1.1",
    ladder_no=1,
    step=1,
    name="first",
    asks=(ask(1, SUE, Role.SUPERVISOR), ask(2, SAM, Role.SUPERVISOR)),
    next_at=T0 + 5 * MINUTE,
    cites=cites("first"),
)
TAKEN = EscalationAcknowledged(
    escalation_id="visit1.1",
    by=SUE,
    via="page",
    ladders=(1,),
    runs_out_at=T0 + MINUTE + LASTS,
    cites=cites("lasts"),
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
    assert events == [TAKEN.model_copy(update={"ladders": (2,), "runs_out_at": T0 + 3 * MINUTE + LASTS})]


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
    one_by_one = after(raise_missed(), acknowledge(SUE, T0), raise_help(now=T0 + MINUTE, ladder=joins))
    for history in (both, one_by_one):
        (taken,) = history.when(acknowledge(SUE, T0 + 2 * MINUTE))
        assert isinstance(taken, EscalationAcknowledged)
        assert (taken.runs_out_at, taken.cites) == (T0 + 2 * MINUTE + span, says.acknowledgement_lasts.cites)


def test_what_is_not_taken_says_nothing_of_how_long_it_lasts() -> None:
    history = after(raise_missed(), raise_help(now=T0 + MINUTE, ladder=SOONER))
    (taken,) = history.when(acknowledge(SUE, T0 + 2 * MINUTE, seen=1))
    assert isinstance(taken, EscalationAcknowledged)
    assert taken.runs_out_at == T0 + 2 * MINUTE + LASTS


# Many people, and people who have gone

CROWD = Directory(
    holders={Role.SUPERVISOR: tuple(f"person{n}" for n in range(450))},
    everyone=tuple(f"person{n}" for n in range(450)),
)


def sizes(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(type(event).__name__, event.part, len(event.asks)) for event in events if isinstance(event, Asking)]


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


# The directory, the deadlines, the refusals


def test_everyone_are_the_responders_of_the_grants_each_once() -> None:
    grants = Grants(((WALT, Role.WORKER), (SUE, Role.SUPERVISOR), ("ann", Role.AUDITOR), (SUE, Role.DSL)))
    directory = Directory.of(grants)
    assert directory.everyone == (SUE,)
    assert directory.holders[Role.DSL] == (SUE,)


def test_each_deadline_stands_for_the_command_that_it_is_due_for() -> None:
    now = T0 + 5 * MINUTE
    assert command_for(Deadline("step", "1.2.3", T0), DIRECTORY, now) == next_step(3, now, ladder_no=2)
    assert command_for(Deadline("acknowledgement", "1", T0), DIRECTORY, now) == AcknowledgementRunsOut(
        1, DIRECTORY, now
    )


@pytest.mark.parametrize(("kind", "subject"), [("check_in_missed", "1"), ("step", "1.2"), ("step", "one.two.three")])
def test_a_deadline_of_something_else_stands_for_no_command(kind: str, subject: str) -> None:
    with pytest.raises(ValueError, match=r"no deadline of an escalation|invalid literal"):
        command_for(Deadline(kind, subject, T0), DIRECTORY, T0)


def test_an_event_of_another_stream_changes_nothing() -> None:
    state = given(ESCALATION, OPENED, FIRST_STEP).state
    assert ESCALATION.evolve(state, VisitEnded(visit_id=VISIT, reason="completed")) == state


def test_every_refusal_has_a_sentence_and_is_met_by_a_test() -> None:
    folder = Path(str(domain.__file__)).parent
    raised = {code for file in folder.glob("*.py") for code in re.findall(r'Rejected\("(\w+)"\)', file.read_text())}
    tested = set(re.findall(r'== "(\w+)"$', Path(__file__).read_text(), re.MULTILINE))
    assert raised == set(REFUSALS)
    assert raised <= tested
    assert all(sentence.endswith(".") for sentence in REFUSALS.values())
