"""Who is to be told what: from an event that asks, and the history of the stream it stands in. Pure: no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from services.notifier.application.about import Asked, about
from services.notifier.domain import Queue
from shared.contracts.awaited import ReminderDue
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.notifier.application.people import Person
    from shared.contracts.base import Event
    from shared.contracts.envelope import Recorded

ASKING: tuple[type[Event], ...] = (
    StepStarted,
    TaskPassedOn,
    TaskHandedOver,
    EscalationJoined,
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationResolved,
    EscalationStoodDown,
    EscalationLapsed,
    ReminderDue,
)
"""Every event that asks for somebody to be told."""

URGENT = frozenset(event.type for event in ASKING if event is not ReminderDue)
"""Types that nothing may hold back: somebody is to be told of an escalation, or that it has ended."""


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
                    occasion=event.occasion,
                )
            ]
        case event if isinstance(event, Asked):
            return _of_escalation(event, asked_by, history, now)
        case _:
            return []


def _of_escalation(event: Asked, asked_by: str, history: Sequence[Event], now: datetime) -> list[Queue]:
    if not event.asks:
        return []
    said = {**about(event, history), "asked_by": asked_by, "escalation_id": event.escalation_id, "now": now}
    asks = {ask.notification_id: ask for ask in event.asks}.values()
    return [
        Queue(notification_id=ask.notification_id, recipient_id=ask.worker_id, contact_points=(), **said)
        for ask in asks
    ]


def reached_by(queue: Queue, people: Mapping[str, Person | None]) -> Queue:
    """Return the command with the contact points of its recipient; a person who cannot be read is not reached."""
    person = people[queue.recipient_id]
    if person is None:
        return replace(queue, unreached="contact_points_unreadable")
    return replace(queue, contact_points=person.contact_points)
