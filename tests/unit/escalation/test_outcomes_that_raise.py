"""Outcomes that are a trigger, ladders that run instead of others, and those that run apart from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.escalation.domain import ESCALATION, Command, TaskNo
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationJoined,
    EscalationOpened,
)
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskDone
from tests.support.given import given
from tests.unit.escalation.examples import (
    HEIDI,
    HELP,
    LASTS,
    LIZ,
    MINUTE,
    SAM,
    SUE,
    T0,
    VISIT,
    WALT,
    acknowledge,
    after,
    asked,
    ladder,
    raise_help,
    resolve,
    runs_out,
    step,
)
from tests.unit.escalation.task_examples import (
    ALL_ROLES,
    DAN,
    DURESS,
    PEOPLE,
    SAFEGUARDING,
    TASKS,
    TEN,
    TO_EXHAUSTION,
    do,
    give_back,
    hand_over,
    missed,
    on,
    outcome,
    take,
    task_step,
    told,
    trigger,
)

# Triggers

DURESS_CAME = trigger("duress", DURESS, event_id="duress.of.task")


def test_an_outcome_that_is_a_trigger_raises_it_and_starts_its_ladder_at_once() -> None:
    history = after(missed(), take(SUE, T0))
    events = history.when(do(SUE, "code_word", T0, raised=DURESS_CAME))
    assert told(events) == ["done sue code_word", "Joined sue sam", "step 2-1 heidi"]
    joined = events[1]
    assert isinstance(joined, EscalationJoined)
    assert (joined.trigger, joined.trigger_event_id, joined.stopped) == ("duress", "duress.of.task", (1,))


def held_by_sam() -> Sequence[Command]:
    return (missed(), take(SAM, T0))


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(held_by_sam(), ["Joined sue sam", "step 2-1 heidi"], id="somebody else has it"),
        pytest.param((missed(), do(SAM, "stays", T0)), ["Joined sue sam", "step 2-1 heidi"], id="somebody else did it"),
        pytest.param(
            (missed(), do(SUE, "stays", T0)), ["Joined sue sam", "step 2-1 heidi"], id="they did it otherwise"
        ),
        pytest.param(
            (missed(), *TO_EXHAUSTION),
            ["taken sue", "done sue code_word late", "Joined sue sam liz heidi dan", "step 2-1 heidi"],
            id="late",
        ),
        pytest.param(
            (missed(), acknowledge(LIZ, T0)),
            ["taken sue", "done sue code_word", "Joined sue sam liz", "step 2-1 heidi"],
            id="acknowledged",
        ),
        pytest.param(
            (missed(), trigger("duress", DURESS)),
            ["taken sue", "done sue code_word", "Joined sue sam heidi"],
            id="its ladder is stopped, and another trigger joins",
        ),
        pytest.param((missed(), resolve(SAM, T0)), ["Opened", "step 1-1 heidi"], id="over"),
        pytest.param(
            (missed(), resolve(SAM, T0), replace(missed(), trigger_event_id="missed2")),
            ["Joined sue sam", "step 2-1 heidi"],
            id="over, and another open with the same task",
        ),
        pytest.param(
            (missed(), resolve(SAM, T0), raise_help()),
            ["Joined sue sam heidi", "step 2-1 heidi"],
            id="over, and another open",
        ),
    ],
)
def test_an_outcome_that_is_a_trigger_is_raised_whatever_became_of_the_task(
    before: Sequence[Command], expected: list[str]
) -> None:
    assert told(after(*before).when(do(SUE, "code_word", TEN, raised=DURESS_CAME))) == expected


def test_a_trigger_of_a_task_that_cannot_be_read_is_raised_all_the_same() -> None:
    history = after(missed())
    assert told(history.when(do(SUE, "code_word", T0, TaskNo(7, 7), raised=DURESS_CAME)))[0] == "Joined sue sam"


def test_the_worker_in_danger_raises_nothing_by_the_task_of_somebody_else() -> None:
    assert after(missed()).rejected(do(WALT, "code_word", T0, raised=DURESS_CAME)) == "own_escalation"
    assert after(missed(), resolve(SUE, T0)).rejected(do(WALT, "code_word", T0, raised=DURESS_CAME)) == "not_open"


def test_the_same_trigger_said_twice_is_one() -> None:
    history = after(missed(), do(SUE, "code_word", T0, raised=DURESS_CAME))
    assert history.when(do(SUE, "code_word", T0, raised=DURESS_CAME)) == []
    assert history.when(do(SAM, "code_word", T0, raised=DURESS_CAME)) == []


def test_an_outcome_that_is_a_trigger_opens_a_new_episode_after_the_end() -> None:
    opened, _ = after(missed(), resolve(SAM, T0)).when(do(SUE, "code_word", TEN, raised=DURESS_CAME))
    assert isinstance(opened, EscalationOpened)
    assert (opened.escalation_id, opened.trigger, opened.visit_id) == ("visit1.2", "duress", VISIT)


def test_a_trigger_that_came_without_its_ladder_tells_everyone() -> None:
    events = after(missed()).when(do(SUE, "code_word", T0))
    assert [said.split()[0] for said in told(events)] == ["taken", "done", "Joined", "round"]
    assert asked(events[3:]) == [SUE, SAM, LIZ, HEIDI, "dan"]
    assert events[2].trigger_event_id == "visit1.1.1-1.code_word"  # type: ignore[attr-defined]


def test_a_trigger_that_an_outcome_is_not_is_not_raised() -> None:
    assert told(after(missed()).when(do(SUE, "stays", T0, raised=DURESS_CAME))) == ["taken sue", "done sue stays"]


def test_in_hand_and_a_trigger_take_the_ladder_and_start_the_other() -> None:
    events = after(missed()).when(do(SUE, "called_for_help", T0, raised=trigger("help", HELP)))
    assert [said.split()[0] for said in told(events)] == ["taken", "done", "Acknowledged", "Joined", "step"]
    assert [due.subject for due in given(ESCALATION, *given(ESCALATION).when(missed()), *events).deadlines] == [
        "1",
        "1.2.2",
    ]


def test_nobody_is_safe_by_an_outcome_that_is_a_trigger() -> None:
    by = ladder("check_in_missed", task_step("ring", outcome("both", "resolved", raises="duress")))
    events = after(missed(by=by)).when(do(SUE, "both", T0, raised=DURESS_CAME))
    assert told(events)[2:] == ["Joined sue sam", "step 2-1 heidi"]


# Instead of the ladders that run, and apart from them


def test_a_ladder_that_runs_instead_stops_all_others_and_their_tasks_for_good() -> None:
    history = after(missed(), raise_help(ladder=HELP, directory=PEOPLE), take(SUE, T0))
    joined = history.when(DURESS_CAME)[0]
    assert isinstance(joined, EscalationJoined)
    assert (joined.ladder_no, joined.stopped) == (3, (1, 2))
    stopped = history.then(DURESS_CAME)
    assert {due.subject.split(".")[1] for due in stopped.deadlines} == {"3"}
    assert stopped.when(on(2, 10 * MINUTE)) == []
    assert stopped.rejected(take(SUE, T0)) == "task_stopped"
    assert stopped.rejected(give_back(SUE, T0)) == "task_stopped"
    assert stopped.rejected(hand_over(SUE, SAM, T0)) == "task_stopped"
    assert stopped.rejected(do(SUE, "safe", T0)) == "task_stopped"
    assert stopped.rejected(do(SAM, "safe", T0)) == "task_taken"


def test_an_acknowledgement_of_what_is_stopped_runs_out_and_brings_none_of_it_back() -> None:
    history = after(missed(), acknowledge(SUE, T0), DURESS_CAME)
    assert {due.kind for due in history.deadlines} == {"acknowledgement", "step"}
    (said,) = history.when(runs_out(T0 + LASTS, directory=PEOPLE))
    assert isinstance(said, AcknowledgementRanOut)
    assert said.ladders == ()
    ran_out = history.then(runs_out(T0 + LASTS, directory=PEOPLE))
    assert {due.subject for due in ran_out.deadlines} == {"1.2.2"}
    (held,) = history.when(acknowledge(LIZ, T0))
    assert isinstance(held, EscalationAcknowledged)
    assert (held.ladders, held.running) == ((2,), ())


def test_nobody_acknowledges_what_is_stopped() -> None:
    (held,) = after(missed(), DURESS_CAME).when(acknowledge(LIZ, T0))
    assert isinstance(held, EscalationAcknowledged)
    assert (held.ladders, held.running) == ((2,), ())
    (unseen,) = after(missed(), DURESS_CAME, trigger("safeguarding", SAFEGUARDING)).when(acknowledge(LIZ, T0, seen=2))
    assert isinstance(unseen, EscalationAcknowledged)
    assert (unseen.ladders, unseen.running) == ((2,), (3,))


def test_what_is_stopped_already_is_not_stopped_again() -> None:
    unsafe = trigger("unsafe", HELP.model_copy(update={"trigger": "unsafe", "instead": True}))
    joined = after(missed(), unsafe).when(DURESS_CAME)[0]
    assert isinstance(joined, EscalationJoined)
    assert (joined.ladder_no, joined.stopped) == (3, (2,))


def test_how_long_a_stopped_ladder_would_let_itself_be_held_shortens_nothing() -> None:
    short = TASKS.model_copy(update={"acknowledgement_lasts": TASKS.repeat_every})
    history = after(missed(by=short), acknowledge(SUE, T0), DURESS_CAME)
    (held,) = history.when(acknowledge(LIZ, T0))
    assert isinstance(held, EscalationAcknowledged)
    assert held.runs_out_at == T0 + LASTS


def test_what_a_stopped_task_raises_acknowledges_nothing() -> None:
    history = after(missed(), DURESS_CAME)
    events = history.when(do(SUE, "called_for_help", T0, raised=trigger("help", HELP)))
    assert [said.split()[0] for said in told(events)] == ["taken", "done", "Joined"]


def test_what_a_stopped_task_raises_leads_its_ladder_nowhere() -> None:
    by = ladder("check_in_missed", task_step("ring", outcome("both", "next", raises="duress")))
    history = after(missed(by=by), trigger("duress", DURESS))
    (_, done, _) = history.when(do(SUE, "both", T0, raised=DURESS_CAME))
    assert isinstance(done, TaskDone)
    assert (done.next_turn, done.next_at) == (None, None)


def test_duress_by_pin_and_duress_by_code_word_are_one_trigger_with_one_ladder() -> None:
    by_pin = trigger("duress", DURESS, event_id="pin")
    history = after(missed(), by_pin)
    assert told(history.when(do(SUE, "code_word", T0, raised=DURESS_CAME)))[-1] == "Joined sue sam heidi"
    assert len(history.then(do(SUE, "code_word", T0, raised=DURESS_CAME)).state.ladders) == 2


def test_no_ladder_runs_instead_of_a_graver_one() -> None:
    instead = SAFEGUARDING.model_copy(update={"instead": True})
    joined = after(missed()).when(trigger("safeguarding", instead))[0]
    assert isinstance(joined, EscalationJoined)
    assert (joined.ladder_no, joined.stopped) == (2, ())


def test_a_matter_of_safeguarding_starts_its_own_ladder_once_whatever_runs() -> None:
    matter = trigger("safeguarding", SAFEGUARDING)
    history = after(raise_help(directory=PEOPLE))
    assert told(history.when(matter)) == ["Joined sue sam heidi", "step 2-1 dan"]
    history = history.then(matter)
    again = trigger("safeguarding", SAFEGUARDING, event_id="safeguarding2")
    assert told(history.when(again)) == ["Joined sue sam heidi dan"]
    assert told(after(matter).when(again)) == ["Joined dan"]


def test_a_matter_of_safeguarding_keeps_no_other_ladder_from_starting() -> None:
    history = after(trigger("safeguarding", SAFEGUARDING))
    alone = ladder("unplanned", step("ask", *ALL_ROLES[:1], wait=MINUTE))
    assert told(history.when(trigger("unplanned", alone))) == ["Joined dan", "step 2-1 sue sam"]
    assert told(after(missed(), trigger("unplanned", alone)).when(missed())) == []
    assert told(after(missed()).when(trigger("unplanned", alone))) == ["Joined sue sam"]


def test_a_task_of_a_reply_is_done_by_reply() -> None:
    (_, done) = after(missed()).when(replace(do(SUE, "stays", T0), via="reply"))
    assert isinstance(done, TaskDone)
    assert done.via == "reply"


# Beside duress, and apart

FIND_OUT = ladder(
    "safeguarding",
    task_step(
        "find_out",
        outcome("safe", "resolved", how="met_in_person"),
        outcome("spoke", "resolved", how="spoke_with_worker"),
        who=(Role.DSL,),
    ),
)
MATTER = trigger("safeguarding", FIND_OUT)


@pytest.mark.parametrize("first", [(missed(), MATTER), (MATTER, missed())])
def test_a_matter_of_safeguarding_goes_on_beside_duress(first: tuple[Command, Command]) -> None:
    history = after(*first)
    joined = history.when(DURESS_CAME)[0]
    (other,) = [run.no for run in history.state.ladders if run.trigger == "check_in_missed"]
    assert isinstance(joined, EscalationJoined)
    assert joined.stopped == (other,)
    (apart,) = {1, 2} - {other}
    assert {due.subject.split(".")[1] for due in history.then(DURESS_CAME).deadlines} == {f"{apart}", "3"}


@pytest.mark.parametrize("code", ["safe", "spoke"])
@pytest.mark.parametrize(
    ("came", "running"),
    [pytest.param((missed(),), (1,), id="a missed check-in"), pytest.param((missed(), DURESS_CAME), (2,), id="duress")],
)
def test_what_comes_of_a_matter_of_safeguarding_ends_nobody_elses_and_only_takes_its_own(
    code: str, came: tuple[Command, ...], running: tuple[int, ...]
) -> None:
    no = len(came) + 1
    history = after(*came, MATTER)
    events = history.when(do(DAN, code, T0, TaskNo(no, 1), seen=no))
    assert told(events) == ["taken dan", f"done dan {code}", "Acknowledged"]
    held = events[-1]
    assert isinstance(held, EscalationAcknowledged)
    assert (held.ladders, held.running) == ((no,), running)


@pytest.mark.parametrize("code", ["safe", "spoke"])
def test_a_matter_of_safeguarding_that_is_the_only_one_ends_it(code: str) -> None:
    assert told(after(MATTER).when(do(DAN, code, T0)))[-1] == "Resolved dan"


def test_nobody_under_duress_is_safe_by_telephone() -> None:
    history = after(missed(), DURESS_CAME)
    by_telephone = replace(resolve(LIZ, T0), how="spoke_with_worker")
    assert history.rejected(by_telephone) == "face_to_face"
    assert history.rejected(replace(by_telephone, triggers_seen=1)) == "face_to_face"
    assert told(history.when(replace(by_telephone, how="met_in_person")))[0].startswith("Resolved")
    later = replace(missed(now=T0 + MINUTE), trigger_event_id="missed2")
    next_time = history.then(replace(by_telephone, how="met_in_person")).then(later)
    assert told(next_time.when(replace(by_telephone, escalation_id="visit1.2")))[0].startswith("Resolved")


def test_nobody_under_duress_is_safe_by_what_came_of_a_task_on_the_telephone() -> None:
    beside = trigger("duress", DURESS.model_copy(update={"instead": False}))
    history = after(missed(), beside)
    assert history.rejected(do(SUE, "safe", T0)) == "face_to_face"
    by_sight = ladder("check_in_missed", task_step("see", outcome("safe", "resolved", how="met_in_person")))
    assert told(after(missed(by=by_sight), beside).when(do(SUE, "safe", T0)))[-1].startswith("Resolved")


def test_what_is_a_trigger_waits_for_no_fact() -> None:
    facts = ("left_at", "called_at", "reference")
    by = ladder("check_in_missed", task_step("ring", outcome("word", raises="duress", records=facts)))
    assert told(after(missed(by=by)).when(do(SUE, "word", T0, raised=DURESS_CAME)))[:2] == [
        "taken sue",
        "done sue word",
    ]
    ahead = do(SUE, "word", T0, raised=DURESS_CAME, left_at=TEN)
    assert told(after(missed(by=by)).when(ahead))[:2] == ["taken sue", "done sue word"]
