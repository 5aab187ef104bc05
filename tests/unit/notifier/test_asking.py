"""Who is told what, from an event that asks and the stream that it stands in: also where that cannot be read as a whole."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.notifier.application.asking import ASKING, URGENT, queues_of
from shared.contracts.asks import Ask
from shared.contracts.awaited import ReminderDue
from shared.contracts.base import Cites, Event
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    StepStarted,
)
from shared.contracts.ladders import Ladder
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn, TaskTaken
from shared.contracts.troubles import UNKNOWN_WORKER, Trouble
from tests.unit.notifier.examples import DUE, T0
from tests.unit.notifier.test_asker import opened

if TYPE_CHECKING:
    from services.notifier.domain import Queue

ASKS = (Ask(notification_id="v1.1.1", worker_id="anna", roles=()),)
STEP = StepStarted(escalation_id="v1.1", ladder_no=1, step=1, name="Ring", asks=ASKS, next_at=T0, cites=Cites())
TROUBLE = Trouble(service="checkin", concern="record_parked", place="7")


def joined(**changes: Any) -> EscalationJoined:
    facts: dict[str, Any] = {
        "escalation_id": "v1.1",
        "trigger": "help",
        "trigger_event_id": "e2",
        "due_at": None,
        "ladder": None,
        "ladder_no": 2,
        "asks": ASKS,
        **changes,
    }
    return EscalationJoined(**facts)


def lapsed(worker_id: str | None) -> EscalationLapsed:
    return EscalationLapsed(escalation_id="v1.1", visit_id="v1", worker_id=worker_id, reason="visit_started", asks=ASKS)


def told(event: Event, *history: Event) -> Queue:
    """Return what one person is told by an event, in a stream of which this can be read."""

    class Asked:
        """Stands for a record: only its event and its stream are looked at."""

        class envelope:  # noqa: N801 -- as the record names it
            stream_id = "escalation-v1"

    asked: Any = Asked()
    asked.event = event
    recorded: Recorded = asked
    (queue,) = queues_of(recorded, history, T0)
    return queue


def test_a_message_says_what_the_opening_says_of_whom_why_and_how_late() -> None:
    opening = opened().model_copy(update={"late": "system_outage", "trouble": TROUBLE})
    queue = told(STEP, opening, STEP)
    assert (queue.worker_id, queue.trigger, queue.due_at) == ("ania", "check_in_missed", DUE)
    assert (queue.late, queue.trouble) == ("system_outage", TROUBLE)


def test_where_the_opening_cannot_be_read_somebody_is_told_all_the_same_without_a_name() -> None:
    queue = told(STEP, STEP)
    assert (queue.recipient_id, queue.worker_id, queue.trigger) == ("anna", UNKNOWN_WORKER, None)


def test_what_the_event_itself_says_is_told_where_the_opening_cannot_be_read() -> None:
    queue = told(joined(trigger="trouble", trouble=TROUBLE, late="system_outage"))
    assert (queue.kind, queue.worker_id, queue.trigger) == ("joined", UNKNOWN_WORKER, "trouble")
    assert (queue.trouble, queue.late) == (TROUBLE, "system_outage")
    ended = EscalationResolved(
        escalation_id="v1.1",
        visit_id="v1",
        worker_id="ania",
        by="b",
        confirmed_by="b",
        how="rang",
        note=None,
        asks=ASKS,
    )
    assert told(ended).worker_id == "ania"


@pytest.mark.parametrize(("worker_id", "expected"), [("ania", "ania"), (None, UNKNOWN_WORKER)])
def test_whoever_was_told_hears_that_what_was_awaited_came(worker_id: str | None, expected: str) -> None:
    queue = told(lapsed(worker_id))
    assert (queue.kind, queue.worker_id) == ("all_clear", expected)


def test_a_step_says_what_started_its_own_ladder_also_where_only_that_can_be_read() -> None:
    assert told(STEP.model_copy(update={"ladder_no": 2}), opened(), joined()).trigger == "help"
    assert told(STEP.model_copy(update={"ladder_no": 2}), joined()).trigger == "help"


def test_a_reminder_says_of_what_it_reminds() -> None:
    due = ReminderDue(visit_id="v1", worker_id="ania", reminder_id="v1.r1", occasion="report", due_at=DUE)
    queue = told(due)
    assert (queue.kind, queue.occasion, queue.recipient_id, queue.due_at) == ("reminder", "report", "ania", DUE)


def test_everything_that_tells_somebody_of_an_escalation_is_urgent_and_a_reminder_is_not() -> None:
    assert {event.type for event in ASKING} - URGENT == {ReminderDue.type}
    assert EscalationOpened.type not in URGENT, "that one asks nobody"


def test_what_is_about_the_whole_episode_tells_of_the_gravest_of_it_and_not_of_what_joined_last() -> None:
    help_first = opened().model_copy(update={"trigger": "help", "due_at": None})
    lesser = joined(trigger="check_in_missed", due_at=DUE, ladder_no=None)
    ran_out = AcknowledgementRanOut(escalation_id="v1.1", by="anna", asks=ASKS, next_at=T0)
    assert told(ran_out, help_first, lesser).trigger == "help"
    assert told(lapsed("ania"), help_first, lesser).trigger == "help"


def test_a_worker_whom_only_what_joined_names_is_named() -> None:
    nameless = opened().model_copy(update={"worker_id": UNKNOWN_WORKER})
    named = joined(worker_id="ania")
    assert told(named, nameless, named).worker_id == "ania"
    assert told(STEP.model_copy(update={"ladder_no": 2}), nameless, named).worker_id == "ania"


TASK: dict[str, Any] = {"escalation_id": "v1.1", "ladder_no": 1, "step": 1}
LATER = T0 + timedelta(minutes=5)
LADDER = Ladder.model_validate(
    {
        "trigger": "check_in_missed",
        "steps": [{"name": "Ring the mobile", "notify": ["supervisor"], "wait": "PT5M", "cites": {}, "wait_cites": {}}],
        "acknowledgement_lasts": {"span": "PT20M", "cites": {}},
        "repeat_every": {"span": "PT5M", "cites": {}},
        "cites": {},
    }
)
WITH_LADDER = opened().model_copy(update={"ladder": LADDER})
OFFERED = STEP.model_copy(update={"task": True, "passes_on_at": LATER})
TAKEN = TaskTaken(**TASK, by="ben", via="page", passes_on_at=LATER, cites=Cites())
PASSED_ON = TaskPassedOn(**TASK, reason="untaken", by=None, asks=ASKS, passes_on_at=LATER, cites=Cites())
HANDED_OVER = TaskHandedOver(**TASK, by="ben", to="anna", asks=ASKS)


def test_a_step_that_is_a_task_says_what_is_to_be_done_and_until_when_it_is_theirs_to_take() -> None:
    queue = told(OFFERED, WITH_LADDER, OFFERED)
    assert (queue.kind, queue.ladder_no, queue.step) == ("step", 1, 1)
    assert (queue.task, queue.passes_on_at) == ("Ring", LATER)
    assert (told(STEP, WITH_LADDER).task, told(STEP, WITH_LADDER).passes_on_at) == (None, None)


@pytest.mark.parametrize(
    ("history", "name"),
    [
        ((WITH_LADDER, OFFERED), "Ring the mobile"),
        ((opened(), OFFERED), "Ring"),
        ((WITH_LADDER,), "Ring the mobile"),
        ((), None),
    ],
    ids=["by its ladder", "the ladder is not readable", "the step is not readable", "nothing is readable"],
)
def test_a_task_that_passed_on_is_named_by_its_ladder_or_by_whatever_can_be_read(
    history: tuple[Event, ...], name: str | None
) -> None:
    queue = told(PASSED_ON, *history)
    assert (queue.kind, queue.ladder_no, queue.step, queue.task) == ("task", 1, 1, name)
    assert (queue.recipient_id, queue.passes_on_at) == ("anna", LATER)


def test_a_handover_says_until_when_whoever_holds_the_task_has_it() -> None:
    queue = told(HANDED_OVER, WITH_LADDER, OFFERED, TAKEN, HANDED_OVER)
    assert (queue.kind, queue.task, queue.passes_on_at) == ("handover", "Ring the mobile", LATER)
    assert (queue.trigger, queue.worker_id) == ("check_in_missed", "ania")
    assert told(HANDED_OVER, WITH_LADDER).passes_on_at is None


def test_from_a_signal_of_duress_on_everything_that_is_asked_for_says_so() -> None:
    duress = joined(trigger="duress", stopped=(1,))
    assert told(duress, WITH_LADDER, duress).duress
    assert told(OFFERED, WITH_LADDER, duress).duress
    assert not told(OFFERED, WITH_LADDER, joined()).duress


def test_a_task_of_a_step_that_the_ladder_does_not_have_has_no_name() -> None:
    assert told(PASSED_ON.model_copy(update={"step": 9}), WITH_LADDER).task is None
    assert told(PASSED_ON.model_copy(update={"step": 0}), WITH_LADDER).task is None
