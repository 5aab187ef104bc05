"""Who is to be told what: from an event that asks, and the history of the stream it stands in. Pure: no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.notifier.domain import Queue
from shared.contracts.awaited import ReminderDue
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
from shared.contracts.ladders import GRAVITY
from shared.contracts.troubles import UNKNOWN_WORKER

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
    | EscalationLapsed
)

ASKING: tuple[type[Event], ...] = (
    StepStarted,
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
        case (
            StepStarted()
            | EscalationJoined()
            | AcknowledgementRanOut()
            | EscalationExhausted()
            | EscalationResolved()
            | EscalationStoodDown()
            | EscalationLapsed()
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
    """Return what a message says beside whom it is for.

    Where the stream's opening cannot be read, that is what the event itself says: somebody is told all the same.
    """
    episode = [
        found
        for found in history
        if isinstance(found, EscalationOpened | EscalationJoined) and found.escalation_id == event.escalation_id
    ]
    named: list[str | None] = [getattr(found, "worker_id", None) for found in (*episode, event)]
    workers = [one for one in named if one not in (None, UNKNOWN_WORKER)]  # one who is named later counts too
    about = {**_kind(event), "worker_id": (*workers, UNKNOWN_WORKER)[0]}
    if isinstance(event, EscalationJoined):
        episode = [event]
    if not episode:
        return {**about, "trigger": None, "due_at": None}
    of_ladder = [found for found in episode if found.ladder_no == about["ladder_no"] is not None]
    cause = _cause(of_ladder or episode)  # what is about the whole episode tells of the gravest of all
    said = {"trigger": cause.trigger, "due_at": cause.due_at, "late": cause.late, "trouble": cause.trouble}
    return {**about, **said}


def _kind(event: Asked) -> dict[str, Any]:
    match event:
        case StepStarted(ladder_no=ladder_no, step=step):
            return {"kind": "step", "ladder_no": ladder_no, "step": step}
        case EscalationExhausted(ladder_no=ladder_no):
            return {"kind": "exhausted", "ladder_no": ladder_no, "step": None}
        case EscalationJoined(ladder_no=ladder_no):
            return {"kind": "joined", "ladder_no": ladder_no, "step": None}
        case AcknowledgementRanOut():
            return {"kind": "ran_out", "ladder_no": None, "step": None}
        case _:
            return {"kind": "all_clear", "ladder_no": None, "step": None}


def _cause(triggers: Sequence[EscalationOpened | EscalationJoined]) -> EscalationOpened | EscalationJoined:
    """Return the gravest of some triggers, the first of equals."""
    return max(triggers, key=lambda found: GRAVITY[found.trigger])


def reached_by(queue: Queue, people: Mapping[str, Person | None]) -> Queue:
    """Return the command with the contact points of its recipient; a person who cannot be read is not reached."""
    person = people[queue.recipient_id]
    if person is None:
        return replace(queue, unreached="contact_points_unreadable")
    return replace(queue, contact_points=person.contact_points)
