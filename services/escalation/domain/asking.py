"""Whom an event asks to tell, in parts that notifier can queue. Pure; when somebody is told is for ``decisions``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.escalation.domain.state import Escalation
from services.escalation.domain.task_commands import TaskNo
from services.escalation.domain.triggers import Directory
from shared.contracts.asks import MOST_ASKS, Ask
from shared.contracts.base import Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn

Asking = (
    EscalationJoined
    | StepStarted
    | TaskHandedOver
    | TaskPassedOn
    | AcknowledgementRanOut
    | EscalationExhausted
    | EscalationResolved
    | EscalationStoodDown
    | EscalationLapsed
)
"""An event that asks for people to be told."""


def in_parts(event: Asking) -> list[Event]:
    """Return an event as it is recorded: no part asks more people than notifier can queue at once."""
    firsts = range(0, max(len(event.asks), 1), MOST_ASKS)
    if isinstance(event, TaskHandedOver):
        return [event]  # it asks one person
    return [
        event.model_copy(update={"asks": event.asks[first : first + MOST_ASKS], "part": part})
        for part, first in enumerate(firsts, start=1)
    ]


def ask_everyone(escalation: Escalation, directory: Directory) -> tuple[Ask, ...]:
    """Ask everyone of the site and the operator who may act."""
    return ask(escalation, {worker: directory.roles_of(worker, directory.holders) for worker in directory.everyone})


def ask_again(escalation: Escalation, directory: Directory) -> tuple[Ask, ...]:
    """Ask everyone told so far who may still act; where nobody of them may, everyone who may now."""
    still = [worker for worker in escalation.told if worker in directory.everyone]
    return ask(escalation, dict.fromkeys(still, ())) if still else ask_everyone(escalation, directory)


def ask_told(escalation: Escalation) -> tuple[Ask, ...]:
    """Ask everyone told so far, whatever they may do now: what they were told is over."""
    return ask(escalation, dict.fromkeys(escalation.told, ()))


def ask(escalation: Escalation, roles_of: Mapping[str, tuple[Role, ...]]) -> tuple[Ask, ...]:
    """Ask each of these once, except the worker who may be in danger.

    Notifier queues an id once, so the ids skip whatever the records that could not be read may have given out.
    """
    asked = [worker for worker in roles_of if worker != escalation.worker_id]
    first = escalation.asked + escalation.unreadable * MOST_ASKS + 1
    return tuple(
        Ask(notification_id=f"{escalation.escalation_id}.{n}", worker_id=worker, roles=roles_of[worker])
        for n, worker in enumerate(asked, start=first)
    )


def triggers_told_with(notification_id: str, history: Iterable[Event]) -> int:
    """Return how many triggers its episode had when this ask was made; 0 for an ask that was never made."""
    triggers = 0
    for event in history:
        if isinstance(event, EscalationOpened):
            triggers = 1
        elif isinstance(event, EscalationJoined) and event.part == 1:
            triggers += 1
        if any(asked.notification_id == notification_id for asked in getattr(event, "asks", ())):
            return triggers
    return 0


def task_asked_by(notification_id: str, history: Iterable[Event]) -> TaskNo | None:
    """Return which task a notification offered, as its step started, as it passed on or was handed over; else None."""
    for event in history:
        match event:
            case StepStarted(task=True) | TaskPassedOn() | TaskHandedOver():
                if any(asked.notification_id == notification_id for asked in event.asks):
                    return TaskNo(event.ladder_no, event.step)
    return None
