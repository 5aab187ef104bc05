"""What a notification's history says, and what falls due because of it. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from shared.contracts.notifications import (
    AttemptAccepted,
    AttemptFailed,
    AttemptStarted,
    AttemptUnknown,
    Message,
    NotificationQueued,
    NotificationWithdrawn,
    NotReached,
    ReplyReceived,
)
from shared.decider import Deadline

NotificationEvent = (
    NotificationQueued
    | NotReached
    | AttemptStarted
    | AttemptAccepted
    | AttemptFailed
    | AttemptUnknown
    | NotificationWithdrawn
    | ReplyReceived
)


@dataclass(frozen=True)
class Sending:
    """How far one message has come: to send (``send_at``), in flight (``unknown_at``), or ended (neither)."""

    message: Message
    send_at: datetime | None
    attempts: int = 0
    unknown_at: datetime | None = None
    accepted: bool = False
    answered: bool = False
    went_to: frozenset[str] = frozenset()
    """Contact points that an attempt went to; whoever holds one of them may answer."""
    call_id: str | None = None
    """The call that carried it last together with others; None where it went alone."""
    refused: bool = False
    """The provider did not take the last attempt, so nobody has seen it: it may go in another set under another id."""

    @property
    def ended(self) -> bool:
        """Nothing more will be tried: it was accepted, or failed for good."""
        return self.send_at is None and self.unknown_at is None


@dataclass(frozen=True)
class Notification:
    """One person who is to be told one thing. ``queued`` is None for a notification that does not exist."""

    queued: NotificationQueued | None = None
    sendings: tuple[Sending, ...] = ()
    withdrawn: bool = False

    @property
    def notification_id(self) -> str:
        """Its id. Raises LookupError where it does not exist."""
        if self.queued is None:
            raise LookupError("no such notification")
        return self.queued.notification_id

    def sending(self, message_id: str) -> Sending | None:
        """Return one message of it, or None."""
        return next((found for found in self.sendings if found.message.message_id == message_id), None)


def evolve(state: Notification, event: NotificationEvent) -> Notification:
    """Return the state after an event. Never judges: it happened."""
    match event:
        case NotificationQueued(messages=messages, send_at=send_at):
            return replace(state, queued=event, sendings=tuple(Sending(message, send_at) for message in messages))
        case NotReached():
            return state
        case AttemptStarted(message_id=message_id):
            return _each(state, message_id, lambda sending: _started(sending, event))
        case AttemptAccepted(message_id=message_id):
            return _each(state, message_id, lambda sending: replace(sending, unknown_at=None, accepted=True))
        case AttemptFailed(message_id=message_id, retry_at=retry_at):
            return _each(
                state, message_id, lambda sending: replace(sending, unknown_at=None, send_at=retry_at, refused=True)
            )
        case AttemptUnknown(message_id=message_id, retry_at=retry_at):
            return _each(state, message_id, lambda sending: replace(sending, unknown_at=None, send_at=retry_at))
        case NotificationWithdrawn():
            return replace(state, withdrawn=True)
        case ReplyReceived(message_id=message_id):
            return _each(state, message_id, lambda sending: replace(sending, answered=True, send_at=None))
        case _:
            assert_never(event)


def _started(sending: Sending, event: AttemptStarted) -> Sending:
    went_to = sending.went_to | {event.contact_point_id}
    return replace(
        sending,
        attempts=event.attempt,
        send_at=None,
        unknown_at=event.unknown_at,
        went_to=went_to,
        call_id=event.call_id,
        refused=False,
    )


def _each(state: Notification, message_id: str, change: Callable[[Sending], Sending]) -> Notification:
    """Return the state with one of its messages changed."""
    sendings = (change(found) if found.message.message_id == message_id else found for found in state.sendings)
    return replace(state, sendings=tuple(sendings))


def deadlines(state: Notification) -> list[Deadline]:
    """Return what falls due: ``send`` per message to send, ``attempt`` per message in flight; subject is its id.

    What is withdrawn is sent no more, but an attempt in flight still gets its outcome.
    """
    found: list[Deadline] = []
    for sending in state.sendings:
        if sending.unknown_at is not None:
            found.append(Deadline("attempt", sending.message.message_id, sending.unknown_at))
        elif sending.send_at is not None and not state.withdrawn:
            found.append(Deadline("send", sending.message.message_id, sending.send_at))
    return found
