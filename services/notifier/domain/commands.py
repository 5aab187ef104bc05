"""What may be asked of a notification. Every command carries ``now``, the log's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.base import Code, Id, Line
from shared.contracts.ladders import Trigger
from shared.contracts.notifications import NotificationKind
from shared.contracts.troubles import Trouble
from shared.contracts.visits import ContactPoint


@dataclass(frozen=True)
class Queue:
    """Tell this person, by each of these contact points."""

    notification_id: Id
    recipient_id: Id
    kind: NotificationKind
    asked_by: str
    escalation_id: Id | None
    ladder_no: int | None
    step: int | None
    trigger: Trigger | None
    due_at: datetime | None
    worker_id: Id
    contact_points: tuple[ContactPoint, ...]
    now: datetime
    unreached: Code = "no_contact_point"
    """Why nobody is reached where there is no contact point: there is none, or they cannot be read."""
    late: Code | None = None
    trouble: Trouble | None = None
    occasion: Code | None = None
    task: Line | None = None
    passes_on_at: datetime | None = None
    duress: bool = False


@dataclass(frozen=True)
class StartAttempt:
    """Send a message whose time has come, unless ``unwanted`` names why nobody needs it any more."""

    message_id: Id
    unwanted: Code | None
    now: datetime
    to: ContactPoint | None = None
    """Where it goes; None where the person has no contact point any more, and the message keeps its own."""
    call_id: Id | None = None
    """Of the call that carries it with others; None where it goes alone."""


@dataclass(frozen=True)
class RecordAccepted:
    """The provider took it."""

    message_id: Id
    attempt: int
    provider_ref: str
    now: datetime


@dataclass(frozen=True)
class RecordFailed:
    """The provider did not take it, for now or for good."""

    message_id: Id
    attempt: int
    permanent: bool
    reason: Code
    now: datetime


@dataclass(frozen=True)
class RecordUnknown:
    """Whether the provider took it cannot be known."""

    message_id: Id
    attempt: int
    reason: Code
    now: datetime


@dataclass(frozen=True)
class AttemptTimesOut:
    """The deadline of the attempt in flight passed: whoever made the call left no outcome."""

    message_id: Id
    now: datetime


@dataclass(frozen=True)
class ReceiveReply:
    """Somebody answered from outside, proven by the contact point's signature or by the link's code."""

    message_id: Id
    reply: Literal["acknowledge", "reached"]
    now: datetime
    unanswerable: Code | None = None
    """Why an answer can change nothing; then none is recorded."""


NotificationCommand = (
    Queue | StartAttempt | RecordAccepted | RecordFailed | RecordUnknown | AttemptTimesOut | ReceiveReply
)
