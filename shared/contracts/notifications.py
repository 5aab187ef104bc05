"""Events of notifier. Topic ``lonewatch.notifications.v1``; streams ``notification-…`` and ``recipient-<worker>``.

Queued, accepted, a person acted: separate facts, separate events. No address and no text stands in any of them.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts.asks import AskKind
from shared.contracts.base import Code, Contract, Event, Id, Instant, Line
from shared.contracts.ladders import Trigger
from shared.contracts.troubles import Trouble
from shared.contracts.visits import Channel

NotificationKind = AskKind | Literal["reminder", "test"]
"""Why somebody is told; ``test`` asks nothing but whether it arrived."""

MOST_BUNDLED = 200
"""Notifications that one call carries. Of a thousand at once the last is called about within 10 s, under the ceiling; above
it a list is not read to its end, and one append would not hold them."""


class Message(Contract):
    """One notification on one channel to one contact point. Its id is the idempotency key of every attempt."""

    message_id: Id
    contact_point_id: Id
    channel: Channel


class NotificationQueued(Event):
    """Somebody is to be told. Sending falls due at once."""

    type: ClassVar[str] = "notification.queued.v1"
    notification_id: Id
    recipient_id: Id
    """Worker id of the person who is told."""
    kind: NotificationKind
    asked_by: str
    """The stream that asked: an escalation, or the visit for a reminder. Every attempt is guarded by its version."""
    escalation_id: Id | None
    ladder_no: int | None
    step: int | None
    trigger: Trigger | None
    due_at: Instant | None
    worker_id: Id
    """The worker whom it is about."""
    messages: tuple[Message, ...]
    send_at: Instant
    """When sending falls due: at once."""
    late: Code | None = None
    """Why what it is about was recorded later than promised."""
    trouble: Trouble | None = None
    occasion: Code | None = None
    """Of a reminder: what the worker is reminded of."""
    task: Line | None = None
    """Of what offers a task: its name, as the ladder has it. None for all else, and where the ladder cannot be read."""
    passes_on_at: Instant | None = None
    """Of what offers a task: when it passes on if nobody has done what is awaited. None: there is no other to pass it to."""
    duress: bool = False
    """Whether duress had been signalled when this was asked for: then nobody is to ring the worker, whatever it is about."""


class NotReached(Event):
    """Nobody could be told by this notification: no contact point, or every message failed for good."""

    type: ClassVar[str] = "notification.not_reached.v1"
    notification_id: Id
    recipient_id: Id
    escalation_id: Id | None
    """This and the next three as they were queued: who asked can act on it without looking for them."""
    kind: NotificationKind
    ladder_no: int | None
    step: int | None
    reason: Code


class AttemptStarted(Event):
    """Just before a call to the outside; from here until an outcome the result is open. Stream ``notification-…``."""

    type: ClassVar[str] = "notification.attempt_started.v1"
    notification_id: Id
    message_id: Id
    attempt: int
    """From 1, per message."""
    contact_point_id: Id
    """Where this attempt goes: the message's own contact point, or another of the same person once that one is gone."""
    channel: Channel
    """Of that contact point."""
    unknown_at: Instant
    """Without an outcome by then, it is unknown."""
    call_id: Id | None = None
    """The id under which the call goes out, where it carries other notifications too; None where it is the message's own.

    It follows from what the call carries, so the same set goes again under the same id.
    """


class RecipientAttemptStarted(Event):
    """The same, in the stream of the person called, whose version serialises what reaches them."""

    type: ClassVar[str] = "recipient.attempt_started.v1"
    recipient_id: Id
    message_id: Id
    """The id of the call: of its one message, or of the bundle."""
    notification_ids: tuple[Id, ...]
    attempt: int
    """The lowest of what it carries: 1 where somebody is called about something for the first time."""
    channel: Channel
    started_at: Instant | None = None
    """The log's time of it, from which the ceiling on calls is reckoned. None in records of the first release."""


class AttemptAccepted(Event):
    """The provider took the message. It says nothing of a person."""

    type: ClassVar[str] = "notification.attempt_accepted.v1"
    notification_id: Id
    message_id: Id
    attempt: int
    provider_ref: str


class AttemptFailed(Event):
    """The provider refused: for now (``retry_at``), or for good (None)."""

    type: ClassVar[str] = "notification.attempt_failed.v1"
    notification_id: Id
    message_id: Id
    attempt: int
    reason: Code
    retry_at: Instant | None


class AttemptUnknown(Event):
    """Whether the provider took it cannot be known; it goes again with the same message id."""

    type: ClassVar[str] = "notification.attempt_unknown.v1"
    notification_id: Id
    message_id: Id
    attempt: int
    reason: Code
    retry_at: Instant | None


class NotificationWithdrawn(Event):
    """Nothing more is sent for it: somebody acknowledged, it ended, or the visit moved on."""

    type: ClassVar[str] = "notification.withdrawn.v1"
    notification_id: Id
    reason: Code


class ReplyReceived(Event):
    """A reply came from outside, signed by the contact point that the message went to."""

    type: ClassVar[str] = "notification.reply_received.v1"
    notification_id: Id
    message_id: Id
    recipient_id: Id
    escalation_id: Id | None
    reply: Literal["acknowledge", "reached"]
    """``reached`` answers a test, and nothing else."""


EVENTS: tuple[type[Event], ...] = (
    NotificationQueued,
    NotReached,
    AttemptStarted,
    RecipientAttemptStarted,
    AttemptAccepted,
    AttemptFailed,
    AttemptUnknown,
    NotificationWithdrawn,
    ReplyReceived,
)
