"""Say who still needs to hear of a task, from the history of the escalation that offers it. Pure; decides nothing.

A task that is free again is offered by asks of its own, so what was asked before it was taken counts as well then.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from shared.contracts.base import Code, Event
from shared.contracts.escalations import StepStarted
from shared.contracts.notifications import NotificationQueued
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken


class TaskId(NamedTuple):
    """Which task of an episode: the numbers of its ladder and of its step."""

    ladder_no: int | None
    step: int | None


@dataclass(frozen=True)
class Offer:
    """How a task stands. One of which nothing is known is free, so that people are told of it."""

    holder: str | None = None
    done: bool = False
    handed_to: frozenset[str] = frozenset()
    """Whom its holder asks to take it over."""
    handovers: frozenset[str] = frozenset()
    """The notifications by which that is asked."""
    moot: tuple[tuple[str, Code], ...] = ()
    """Handovers that came to nothing, or to something else: notification and why."""
    asked_meanwhile: frozenset[str] = frozenset()
    """Notifications that were asked for while somebody's acknowledgement held the ladder: they knew, and asked."""

    def gone(self, queued: NotificationQueued) -> Code | None:
        """Return why nobody needs to hear of the task by this notification any more, or None where somebody does."""
        if self.done:
            return "task_done"
        if queued.kind == "handover":
            return dict(self.moot).get(queued.notification_id)
        return None if self.holder is None else "task_taken"

    def taken_from(self, person: str) -> Code | None:
        """Return why somebody cannot take the task any more, or None where they can."""
        if self.done:
            return "task_done"
        return None if self.holder is None or person in self.handed_to else "task_taken"


TaskOffers = tuple[tuple[TaskId, Offer], ...]
"""The tasks of an episode."""


def offer_of(tasks: TaskOffers, task: TaskId) -> Offer | None:
    """Return how a task stands, or None for a step that is none."""
    return dict(tasks).get(task)


def evolve_tasks(tasks: TaskOffers, event: Event, acknowledged: Collection[int]) -> TaskOffers:
    """Return the tasks after an event of their escalation, while these ladders are acknowledged."""
    if isinstance(event, StepStarted):
        return _changed(tasks, event, Offer()) if event.task and event.part == 1 else tasks
    if not isinstance(event, TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone):
        return tasks
    offer = offer_of(tasks, TaskId(event.ladder_no, event.step)) or Offer()
    match event:
        case TaskTaken(by=by):
            return _changed(tasks, event, replace(_moot(offer, "task_taken"), holder=by))
        case TaskHandedOver(by=by, to=to, asks=asks):
            asked = frozenset(ask.notification_id for ask in asks)
            handed = replace(_moot(offer, "handed_to_another"), holder=by, handed_to=frozenset({to}), handovers=asked)
            return _changed(tasks, event, handed)
        case TaskPassedOn(asks=asks, ladder_no=ladder_no):
            asked = frozenset(ask.notification_id for ask in asks) if ladder_no in acknowledged else frozenset()
            free = replace(_moot(offer, "task_passed_on"), holder=None)
            return _changed(tasks, event, replace(free, asked_meanwhile=free.asked_meanwhile | asked))
        case TaskDone():
            return _changed(tasks, event, replace(offer, done=True))


def _moot(offer: Offer, why: Code) -> Offer:
    """Return a task whose handover is no longer asked for."""
    moot = (*offer.moot, *((one, why) for one in sorted(offer.handovers)))
    return replace(offer, handed_to=frozenset(), handovers=frozenset(), moot=moot)


def _changed(
    tasks: TaskOffers, event: StepStarted | TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone, offer: Offer
) -> TaskOffers:
    task = TaskId(event.ladder_no, event.step)
    return (*((one, its) for one, its in tasks if one != task), (task, offer))
