"""Say whether what was asked for is still wanted, from the stream that asked: an escalation, or a visit for a reminder.

Decides nothing for that stream; it belongs to another service, and what is not understood here changes nothing. Of a
visit only what is awaited of its worker counts: a signal of duress changes no reminder, or it would be seen by it.
An attempt is guarded by the version of the stream that was folded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from services.notifier.domain.offers import Offer, TaskId, TaskOffers, evolve_tasks, offer_of
from shared.contracts.awaited import CheckInMissed, WatchResumed
from shared.contracts.base import Code, Event
from shared.contracts.escalations import EVENTS as ESCALATIONS
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationJoined,
    EscalationLapsed,
    EscalationResolved,
    EscalationStoodDown,
)
from shared.contracts.notifications import NotificationQueued
from shared.contracts.visits import (
    CheckInRecorded,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitReported,
    VisitStarted,
)

ANSWERABLE = frozenset({"step", "task", "handover", "joined", "ran_out", "exhausted"})
"""Kinds that somebody can answer, by taking the escalation or a task; the others ask for no answer."""

OFFERS = frozenset({"task", "handover"})
"""Kinds that offer a task, always; a ``step`` does where its step is one."""

STOPPED = frozenset({"step", "task", "exhausted"})
"""Kinds that call people to a ladder, and so stop when somebody has acknowledged it."""


@dataclass(frozen=True)
class Asker:
    """What the stream that asked says now: an escalation fills the ids, a visit the instants."""

    escalation_id: str | None = None
    """Of the newest episode."""
    ended: bool = False
    """That episode, or the visit, is over."""
    acknowledged: frozenset[int] = frozenset()
    """Ladders that somebody's acknowledgement holds now."""
    stopped: frozenset[int] = frozenset()
    """Ladders that another one runs instead of, for good."""
    tasks: TaskOffers = ()
    """The tasks of that episode."""
    missed: bool = False
    due_at: datetime | None = None
    """When the next check-in is agreed; None before the visit starts."""
    started: bool = False
    expected_end_at: datetime | None = None
    """As the worker gave it last."""
    reported: bool = False

    def offer(self, queued: NotificationQueued) -> Offer | None:
        """Return how the task stands that a notification offers; None where it offers none."""
        if queued.kind != "step" and queued.kind not in OFFERS:
            return None
        known = offer_of(self.tasks, TaskId(queued.ladder_no, queued.step))
        return Offer() if known is None and (queued.kind in OFFERS or queued.task is not None) else known


def evolve(asker: Asker, event: Event) -> Asker:
    """Return the state after an event of the asking stream."""
    episode = getattr(event, "escalation_id", None) if isinstance(event, ESCALATIONS) else None
    if episode is not None and episode != asker.escalation_id:
        asker = Asker(escalation_id=episode)  # a new one, also where its opening cannot be read
    match event:
        case EscalationAcknowledged(ladders=ladders):
            return replace(asker, acknowledged=asker.acknowledged.union(ladders))
        case AcknowledgementRanOut():
            return replace(asker, acknowledged=frozenset())
        case EscalationJoined(stopped=stopped):
            return replace(asker, stopped=asker.stopped.union(stopped))
        case EscalationResolved() | EscalationStoodDown() | EscalationLapsed():
            return replace(asker, ended=True)
        case _ if episode is not None:
            return replace(asker, tasks=evolve_tasks(asker.tasks, event, asker.acknowledged))
        case _:
            return _evolve_visit(asker, event)


def _evolve_visit(asker: Asker, event: Event) -> Asker:
    match event:
        case VisitPlanned(expected_end_at=expected_end_at):
            return replace(asker, expected_end_at=expected_end_at)
        case VisitEnded() | VisitCancelled() | VisitRefused():
            return replace(asker, ended=True)
        case VisitStarted(due_at=due_at):
            return replace(asker, started=True, due_at=due_at)
        case CheckInRecorded(due_at=due_at):
            return replace(asker, due_at=due_at)
        case VisitExtended(due_at=due_at, expected_end_at=expected_end_at):
            return replace(asker, due_at=due_at or asker.due_at, expected_end_at=expected_end_at)
        case CheckInMissed():
            return replace(asker, missed=True)
        case WatchResumed(due_at=due_at):
            return replace(asker, missed=False, due_at=due_at)
        case VisitReported():
            return replace(asker, reported=True)
        case _:
            return asker


def asker_of(events: Iterable[Event]) -> Asker:
    """Return what a whole asking stream says."""
    return reduce(evolve, events, Asker())


def unwanted(queued: NotificationQueued, asker: Asker) -> Code | None:
    """Return why nothing more is to be sent for a notification, or None as long as it is wanted.

    ``step``, ``task`` and ``exhausted`` are wanted while their episode is open and nobody holds their ladder, and what
    offers a task only as long as it can be taken; ``joined``, ``handover`` and ``ran_out`` while the episode is open;
    nothing of a ladder that another runs instead of; ``all_clear`` and ``test`` always; a reminder while what it is
    about is still awaited.
    """
    if queued.kind in ("all_clear", "test"):
        return None
    if queued.kind == "reminder":
        return _reminder_unwanted(queued, asker)
    if over := _over(queued, asker):
        return over  # ended, or a later episode runs; where nothing is known, the person is told
    if queued.ladder_no in asker.stopped:
        return "ladder_stopped"
    offer = asker.offer(queued)
    if offer is not None and (gone := offer.gone(queued)):
        return gone
    given_back = offer is not None and queued.notification_id in offer.asked_meanwhile
    if queued.kind in STOPPED and queued.ladder_no in asker.acknowledged and not given_back:
        return "acknowledged"
    return None


def unanswerable(queued: NotificationQueued, asker: Asker) -> Code | None:
    """Return why a reply to a notification can change nothing, or None where somebody can take something by it.

    A reply to what offers a task takes that task, and to anything else the escalation.
    """
    if queued.kind not in ANSWERABLE:
        return "asks_for_no_answer"
    if over := _over(queued, asker):
        return over
    offer = asker.offer(queued)
    if offer is None:
        return None
    return "ladder_stopped" if queued.ladder_no in asker.stopped else offer.taken_from(queued.recipient_id)


def _over(queued: NotificationQueued, asker: Asker) -> Code | None:
    return "escalation_ended" if asker.ended or asker.escalation_id not in (queued.escalation_id, None) else None


def _reminder_unwanted(queued: NotificationQueued, asker: Asker) -> Code | None:
    """Where the visit's stream says nothing of what is awaited, the worker is reminded."""
    if queued.occasion == "report":
        return "visit_reported" if asker.reported else None
    if asker.ended:
        return "visit_ended"
    if queued.occasion == "start":
        return "visit_started" if asker.started else None
    if queued.occasion == "end":
        later = queued.due_at and asker.expected_end_at and queued.due_at < asker.expected_end_at
        return "visit_extended" if later else None
    if asker.missed:
        return "check_in_missed"
    return None if asker.due_at == queued.due_at else "checked_in"
