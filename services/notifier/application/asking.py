"""Who is to be told what: from an event that asks, and the history of the stream it stands in. Pure: no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.notifier.domain import Queue
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.policy import GRAVITY
from shared.contracts.visits import ReminderDue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.notifier.application.people import Person
    from shared.contracts.base import Event
    from shared.contracts.envelope import Recorded

Asked = (
    StepStarted
    | EscalationJoined
    | AcknowledgementRanOut
    | EscalationExhausted
    | EscalationResolved
    | EscalationStoodDown
)

ASKING: tuple[type[Event], ...] = (
    StepStarted,
    EscalationJoined,
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationResolved,
    EscalationStoodDown,
    ReminderDue,
)
"""Every event that asks for somebody to be told."""


def queues_of(recorded: Recorded, history: Sequence[Event], now: datetime) -> list[Queue]:
    """Return a command for each person to be told, without contact points yet; none for an event that asks nobody."""
    asked_by = recorded.envelope.stream_id
    match recorded.event:
        case ReminderDue() as event:
            return [
                Queue(
                    notification_id=event.reminder_id,
                    recipient_id=event.worker_id,
                    kind="reminder",
                    asked_by=asked_by,
                    escalation_id=None,
                    ladder_no=None,
                    step=None,
                    trigger=None,
                    due_at=event.due_at,
                    worker_id=event.worker_id,
                    contact_points=(),
                    now=now,
                )
            ]
        case (
            StepStarted()
            | EscalationJoined()
            | AcknowledgementRanOut()
            | EscalationExhausted()
            | EscalationResolved()
            | EscalationStoodDown()
        ) as event:
            return _of_escalation(event, asked_by, history, now)
        case _:
            return []


def _of_escalation(event: Asked, asked_by: str, history: Sequence[Event], now: datetime) -> list[Queue]:
    if not event.asks:
        return []
    about = {**_about(event, history), "asked_by": asked_by, "escalation_id": event.escalation_id, "now": now}
    asks = {ask.notification_id: ask for ask in event.asks}.values()
    return [
        Queue(notification_id=ask.notification_id, recipient_id=ask.worker_id, contact_points=(), **about)
        for ask in asks
    ]


def _about(event: Asked, history: Sequence[Event]) -> dict[str, Any]:
    """Return what a message says beside whom it is for. Raises LookupError where the stream does not hold the opening."""
    episode = [
        found
        for found in history
        if isinstance(found, EscalationOpened | EscalationJoined) and found.escalation_id == event.escalation_id
    ]
    if not episode:
        raise LookupError(event.escalation_id)
    worker_id = next(found.worker_id for found in episode if isinstance(found, EscalationOpened))
    match event:
        case StepStarted(ladder_no=ladder_no, step=step):
            kind: dict[str, Any] = {"kind": "step", "ladder_no": ladder_no, "step": step}
            cause = _cause([found for found in episode if found.ladder_no == ladder_no] or episode)
        case EscalationExhausted(ladder_no=ladder_no):
            kind = {"kind": "exhausted", "ladder_no": ladder_no, "step": None}
            cause = _cause([found for found in episode if found.ladder_no == ladder_no] or episode)
        case EscalationJoined(ladder_no=ladder_no):
            kind = {"kind": "joined", "ladder_no": ladder_no, "step": None}
            cause = event
        case AcknowledgementRanOut():
            kind = {"kind": "ran_out", "ladder_no": None, "step": None}
            cause = _cause(episode)
        case _:
            kind = {"kind": "all_clear", "ladder_no": None, "step": None}
            cause = _cause(episode)
    return {**kind, "worker_id": worker_id, "trigger": cause.trigger, "due_at": cause.due_at}


def _cause(triggers: Sequence[EscalationOpened | EscalationJoined]) -> EscalationOpened | EscalationJoined:
    """Return the gravest of some triggers, the first of equals."""
    return max(triggers, key=lambda found: GRAVITY[found.trigger])


def reached_by(queue: Queue, people: Mapping[str, Person | None]) -> Queue:
    """Return the command with the contact points of its recipient; a person who cannot be read is not reached."""
    person = people[queue.recipient_id]
    if person is None:
        return replace(queue, unreached="contact_points_unreadable")
    return replace(queue, contact_points=person.contact_points)
