"""Who still needs to hear of a task, by what the escalation says of it: each rule as a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifier.domain import asker_of, unanswerable, unwanted
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import EscalationExhausted, EscalationJoined, EscalationResolved, StepStarted
from shared.contracts.notifications import NotificationQueued
from shared.contracts.situations import VisitDuressSignalled, VisitSituationReported
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from tests.unit.notifier.examples import T0, queued, reminder
from tests.unit.notifier.test_asker import CHECKED_IN, RAN_OUT, RESOLVED, STARTED, acknowledged, opened

TASK: dict[str, Any] = {"escalation_id": "v1.1", "ladder_no": 1, "step": 1}
STEP = StepStarted(**TASK, name="Ring", asks=(), next_at=T0, cites=Cites(), task=True)
DONE = TaskDone(**TASK, by="ben", via="page", outcome="no_answer", answers={}, cites=Cites())
JOINED = EscalationJoined(
    escalation_id="v1.1",
    trigger="duress",
    trigger_event_id="e2",
    due_at=None,
    ladder=None,
    ladder_no=2,
    stopped=(1,),
    asks=(),
)


def taken(by: str = "ben", handed_by: str | None = None) -> TaskTaken:
    return TaskTaken(**TASK, by=by, via="page", handed_by=handed_by, passes_on_at=T0, cites=Cites())


def handed_over(to: str = "cai", notification_id: str = "v1.1.7") -> TaskHandedOver:
    asks = (Ask(notification_id=notification_id, worker_id=to, roles=()),)
    return TaskHandedOver(**TASK, by="ben", to=to, asks=asks)


def passed_on(notification_id: str = "v1.1.8") -> TaskPassedOn:
    asks = (Ask(notification_id=notification_id, worker_id="dot", roles=()),)
    return TaskPassedOn(**TASK, reason="unfinished", by="ben", asks=asks, passes_on_at=None, cites=Cites())


def offered(kind: str = "step", **changes: Any) -> NotificationQueued:
    return queued(kind=kind, task="Ring", **changes)


def handover(notification_id: str = "v1.1.7") -> NotificationQueued:
    return offered("handover", notification_id=notification_id, recipient_id="cai")


@pytest.mark.parametrize("kind", ["step", "task"])
@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], None),
        ([STEP], None),
        ([STEP, taken()], "task_taken"),
        ([STEP, taken(), handed_over()], "task_taken"),
        ([STEP, taken(), passed_on()], None),
        ([STEP, taken(), passed_on(), taken("dot")], "task_taken"),
        ([STEP, taken(), DONE], "task_done"),
        ([taken()], "task_taken"),
        ([STEP, DONE], "task_done"),
    ],
)
def test_an_offer_of_a_task_is_wanted_as_long_as_nobody_has_it(
    kind: str, history: list[Event], reason: str | None
) -> None:
    assert unwanted(offered(kind), asker_of([opened(), *history])) == reason


def test_a_task_that_is_taken_silences_no_other_task_and_no_step_that_tells() -> None:
    asker = asker_of([opened(), STEP, taken()])
    assert unwanted(offered(step=2), asker) is None
    assert unwanted(offered(ladder_no=2), asker) is None
    assert unwanted(queued(step=2), asker) is None
    for kind in ("joined", "ran_out", "exhausted", "all_clear"):
        assert unwanted(queued(kind=kind, step=None), asker) is None


def test_a_step_that_is_no_task_is_wanted_as_before() -> None:
    plain = STEP.model_copy(update={"task": False})
    assert unwanted(queued(), asker_of([opened(), plain])) is None
    assert unwanted(queued(), asker_of([opened(), plain, acknowledged()])) == "acknowledged"


def test_a_further_part_of_a_step_does_not_free_its_task() -> None:
    second = STEP.model_copy(update={"part": 2})
    assert unwanted(offered(), asker_of([opened(), STEP, taken(), second])) == "task_taken"


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], None),
        ([handed_over()], None),
        ([handed_over(), taken("cai", "ben")], "task_taken"),
        ([handed_over(), DONE], "task_done"),
        ([handed_over(), passed_on()], "task_passed_on"),
        ([handed_over(), passed_on(), taken("dot")], "task_passed_on"),
        ([handed_over(), handed_over("eve", "v1.1.9")], "handed_to_another"),
        ([handed_over("eve", "v1.1.5"), handed_over()], None),
    ],
)
def test_a_handover_is_wanted_until_it_came_to_something(history: list[Event], reason: str | None) -> None:
    assert unwanted(handover(), asker_of([opened(), STEP, taken(), *history])) == reason


@pytest.mark.parametrize("kind", ["step", "task", "handover", "joined", "exhausted"])
def test_of_a_ladder_that_another_runs_instead_of_nothing_is_wanted_any_more(kind: str) -> None:
    asker = asker_of([opened(), STEP, JOINED])
    assert unwanted(queued(kind=kind, ladder_no=1), asker) == "ladder_stopped"
    assert unwanted(queued(kind=kind, ladder_no=2), asker) is None
    assert unwanted(queued(kind=kind, ladder_no=1), asker_of([opened(), JOINED, RESOLVED, opened(2)])) is not None


@pytest.mark.parametrize("kind", ["all_clear", "ran_out"])
def test_what_is_about_the_whole_episode_is_wanted_although_a_ladder_stopped(kind: str) -> None:
    assert unwanted(queued(kind=kind, ladder_no=None, step=None), asker_of([opened(), STEP, JOINED])) is None


def test_a_ladder_stays_stopped_when_an_acknowledgement_runs_out_and_not_in_a_later_episode() -> None:
    stopped = [opened(), STEP, JOINED, acknowledged(2), RAN_OUT]
    assert unwanted(offered(), asker_of(stopped)) == "ladder_stopped"
    assert unwanted(offered(escalation_id="v1.2"), asker_of([*stopped, RESOLVED, opened(2)])) is None


@pytest.mark.parametrize("kind", ["step", "task"])
def test_an_acknowledgement_stops_what_calls_people_to_its_ladder_and_no_handover(kind: str) -> None:
    asker = asker_of([opened(), STEP, taken(), handed_over(), acknowledged()])
    free = asker_of([opened(), STEP, acknowledged()])
    assert unwanted(offered(kind), free) == "acknowledged"
    assert unwanted(handover(), asker) is None


def test_what_is_asked_for_while_somebody_has_acknowledged_is_wanted() -> None:
    asker = asker_of([opened(), STEP, taken(), acknowledged(), passed_on()])
    assert unwanted(offered("task", notification_id="v1.1.8"), asker) is None
    assert unwanted(offered("task", notification_id="v1.1.1"), asker) == "acknowledged"


@pytest.mark.parametrize("kind", ["step", "task", "handover"])
@pytest.mark.parametrize("end", [RESOLVED, EscalationResolved(**{**RESOLVED.model_dump(), "part": 2})])
def test_after_the_end_no_task_is_offered(kind: str, end: Event) -> None:
    assert unwanted(offered(kind), asker_of([opened(), STEP, end])) == "escalation_ended"


def test_a_task_that_is_still_free_in_exhaustion_is_offered_on() -> None:
    exhausted = EscalationExhausted(escalation_id="v1.1", ladder_no=1, round=1, asks=(), next_at=T0, cites=Cites())
    assert unwanted(offered(), asker_of([opened(), STEP, exhausted])) is None


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], None),
        ([STEP], None),
        ([STEP, acknowledged()], None),
        ([STEP, taken()], "task_taken"),
        ([STEP, taken(), passed_on()], None),
        ([STEP, DONE], "task_done"),
        ([STEP, JOINED], "ladder_stopped"),
        ([STEP, RESOLVED], "escalation_ended"),
    ],
)
@pytest.mark.parametrize("kind", ["step", "task"])
def test_a_reply_takes_the_task_that_was_offered_as_long_as_that_can_be_taken(
    kind: str, history: list[Event], reason: str | None
) -> None:
    assert unanswerable(offered(kind), asker_of([opened(), *history])) == reason


def test_whoever_is_asked_to_take_a_task_over_can_answer_until_it_is_theirs_or_anothers() -> None:
    handed = [opened(), STEP, taken(), handed_over()]
    assert unanswerable(handover(), asker_of(handed)) is None
    assert unanswerable(offered(recipient_id="cai"), asker_of(handed)) is None
    assert unanswerable(offered(recipient_id="dot"), asker_of(handed)) == "task_taken"
    assert unanswerable(handover(), asker_of([*handed, taken("cai", "ben")])) == "task_taken"
    assert unanswerable(handover(), asker_of([*handed, handed_over("eve", "v1.1.9")])) == "task_taken"


def test_a_reply_to_a_step_that_is_no_task_takes_the_escalation_whatever_became_of_its_tasks() -> None:
    assert unanswerable(queued(step=2), asker_of([opened(), STEP, taken(), JOINED])) is None
    assert unanswerable(queued(kind="joined", step=None), asker_of([opened(), STEP, taken(), DONE])) is None


def test_a_signal_of_duress_and_a_report_change_no_reminder() -> None:
    facts: dict[str, Any] = {
        "visit_id": "v1",
        "worker_id": "ania",
        "site_id": "s1",
        "policy_id": "p",
        "policy_version": 1,
    }
    signalled = VisitDuressSignalled(**facts, with_command="check_in")
    reported = VisitSituationReported(**facts, situation="unsafe")
    for history in ([STARTED], [STARTED, CHECKED_IN]):
        assert asker_of([*history, signalled, reported]) == asker_of(history)
        assert unwanted(reminder(), asker_of([*history, signalled])) == unwanted(reminder(), asker_of(history))
