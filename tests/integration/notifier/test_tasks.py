"""Whom notifier offers a task, what it says of it, and when it stops: on a real log, with real servers at the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from shared.contracts.base import Cites
from shared.contracts.escalations import EscalationJoined, StepStarted
from shared.contracts.notifications import NotificationQueued, NotificationWithdrawn
from shared.contracts.situations import VisitDuressSignalled
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from tests.integration.notifier.conftest import EPISODE, FIRST, RETRY, VISIT, World, asks, opened
from tests.integration.notifier.test_replies import HOOK, body, not_taken, replies, send
from tests.support.history import LIZ, MINUTE, POLICY, SAM, SITE, SUE, WALT, record
from tests.support.sinks import arrivals

if TYPE_CHECKING:
    from datetime import datetime

TASK: dict[str, Any] = {"escalation_id": EPISODE, "ladder_no": 1, "step": 1}
SECOND = f"{EPISODE}.2"
DONE = TaskDone(**TASK, by=SUE, via="page", outcome="no_answer", answers={}, cites=Cites())

pytestmark = pytest.mark.usefixtures("notifier")


async def offered(world: World, *worker_ids: str) -> list[Any]:
    """Return an escalation whose first step offers these people a task."""
    opening, step = await opened(world, *worker_ids)
    return [opening, step.model_copy(update={"task": True, "passes_on_at": step.next_at})]


def taken(at: datetime, by: str = SUE, handed_by: str | None = None) -> TaskTaken:
    return TaskTaken(**TASK, by=by, via="page", handed_by=handed_by, passes_on_at=at, cites=Cites())


def passed_on(to: str, number: int) -> TaskPassedOn:
    found = asks(to, first=number)
    return TaskPassedOn(**TASK, reason="untaken", by=None, asks=found, passes_on_at=None, cites=Cites())


def handed_over(to: str, number: int) -> TaskHandedOver:
    return TaskHandedOver(**TASK, by=SUE, to=to, asks=asks(to, first=number))


async def queued(world: World, notification_id: str) -> NotificationQueued:
    (first, *_) = await world.installation.history(f"notification-{notification_id}")
    assert isinstance(first.event, NotificationQueued)
    return first.event


async def test_a_task_is_offered_with_what_is_to_be_done_and_how_it_is_taken(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    events = await offered(world, SUE)
    await world.escalates(*events)
    (mail,), (call,) = await arrivals(world.mail, 1), await arrivals(world.webhook, 1)
    assert mail["subject"] == "Lonewatch: Walt Alone missed a check-in: a task for you"
    assert "You are asked to do this for Walt Alone: Ring the worker." in mail["body"]
    assert f"by {events[1].next_at:%H:%M} UTC" in mail["body"]
    data = call["body"]["data"]
    assert (data["kind"], data["duress"]) == ("step", False)
    assert (data["task"]["task"], data["task"]["name"]) == ("1-1", "Ring the worker")
    assert "To take the task" in data["reply"]["how"]


async def test_whoever_a_task_passes_on_to_and_whoever_is_asked_to_take_it_over_are_told(world: World) -> None:
    for person in (SAM, LIZ):
        await world.can_be_reached(person, "mail")
    opening, step = await offered(world)
    await world.escalates(opening, step, passed_on(SAM, 2), taken(step.next_at), handed_over(LIZ, 3))
    (mail,) = await arrivals(world.mail, 1)
    assert (mail["to"], "take it over" in mail["body"]) == ("liz@home.example", True)
    assert await world.kinds(SECOND) == ["queued", "withdrawn"], "it was taken before it was told"
    passed, handed = await queued(world, SECOND), await queued(world, f"{EPISODE}.3")
    assert (passed.kind, passed.task, passed.passes_on_at) == ("task", "Ring the worker", None)
    assert (handed.kind, handed.task, handed.passes_on_at) == ("handover", "Ring the worker", step.next_at)


async def test_a_task_that_passes_on_is_told_at_once(world: World) -> None:
    await world.can_be_reached(SAM, "mail")
    await world.escalates(*await offered(world), passed_on(SAM, 2))
    (mail,) = await arrivals(world.mail, 1)
    assert mail["to"] == "sam@home.example"
    assert "Others were asked before you" in mail["body"]
    asked = (await world.installation.history("escalation-visit1"))[-1]
    (attempt,) = [one for one in await world.outcome("queued", "attempt_started", "attempt_accepted",
                  notification_id=SECOND) if one.envelope.type == "notification.attempt_started.v1"]  # fmt: skip
    assert (attempt.recorded_at - asked.recorded_at).total_seconds() < 3


@pytest.mark.parametrize("done", [False, True], ids=["taken", "done"])
async def test_a_task_that_somebody_has_is_offered_to_nobody_any_more(world: World, *, done: bool) -> None:
    await world.can_be_reached(SUE, "mail")
    opening, step = await offered(world, SUE)
    await world.escalates(opening, step, taken(step.next_at), *([DONE] if done else []))
    history = await world.outcome("queued", "withdrawn")
    reason = "task_done" if done else "task_taken"
    assert history[1].event == NotificationWithdrawn(notification_id=FIRST, reason=reason)
    await world.installation.quiet()
    assert world.mail.arrivals == []


async def test_what_was_refused_for_now_goes_again_until_somebody_has_the_task(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    world.mail.behaviour = "refuse_for_now"
    opening, step = await offered(world, SUE)
    await world.escalates(opening, step)
    await world.outcome("queued", "attempt_started", "attempt_failed")
    await world.escalates(taken(step.next_at, by=SAM))
    await world.installation.clock.forward(RETRY)
    await world.outcome("queued", "attempt_started", "attempt_failed", "withdrawn")
    assert len(world.mail.arrivals) == 1


async def test_a_ladder_that_duress_stopped_calls_nobody_and_duress_says_not_to_ring(world: World) -> None:
    for person in (SUE, SAM):
        await world.can_be_reached(person, "mail")
    duress = EscalationJoined(
        escalation_id=EPISODE, trigger="duress", trigger_event_id="trigger2", due_at=None, ladder=None, ladder_no=2,
        stopped=(1,), asks=asks(SAM, first=2),
    )  # fmt: skip
    own = StepStarted(
        escalation_id=EPISODE, ladder_no=2, step=1, name="Send help", asks=asks(SUE, first=3), task=True,
        next_at=(await world.installation.clock.now()) + MINUTE, cites=Cites(),
    )  # fmt: skip
    await world.escalates(*await offered(world, SUE), duress, own)
    mails = await arrivals(world.mail, 2)
    assert await world.kinds() == ["queued", "withdrawn"]
    for mail in mails:
        assert "do not ring the worker" in mail["subject"]
        assert "Do not ring the worker" in mail["body"].splitlines()[0]
    assert {mail["to"] for mail in mails} == {"sue@home.example", "sam@home.example"}


async def test_a_reply_takes_the_task_and_one_that_comes_too_late_says_why(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await world.can_be_reached(SUE, "webhook")
    opening, step = await offered(world, SUE)
    await world.escalates(opening, step)
    await arrivals(world.webhook, 1)
    first = await send(notifier, body(HOOK))
    assert (first.status_code, first.json()["taken"]) == (200, True)
    assert len(await replies(world)) == 1
    await world.escalates(taken(step.next_at, by=SAM))
    assert not_taken(await send(notifier, body(HOOK), webhook_id="reply-2")) == "task_taken"
    await world.escalates(DONE)
    assert not_taken(await send(notifier, body(HOOK), webhook_id="reply-3")) == "task_done"
    assert len(await replies(world)) == 1


async def test_a_signal_of_duress_reaches_nobody_from_the_visit_itself_and_reminders_stay_as_they_are(
    world: World,
) -> None:
    await world.can_be_reached(WALT, "mail")
    signalled = VisitDuressSignalled(
        visit_id=VISIT, worker_id=WALT, site_id=SITE, policy_id=POLICY, policy_version=1, with_command="check_in"
    )
    await record(world.installation, "checkin", f"visit-{VISIT}", signalled, visit_id=VISIT, site_id=SITE)
    await world.installation.quiet()
    assert world.mail.arrivals == []
    types = {found.envelope.type for found in await world.installation.history(visit_id=VISIT)}
    assert types == {VisitDuressSignalled.type}
