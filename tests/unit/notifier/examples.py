"""One notification to Anna by mail and webhook, and its events and commands, each of which a test may vary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notifier.domain import (
    ATTEMPT_LASTS,
    AttemptTimesOut,
    Queue,
    ReceiveReply,
    RecordAccepted,
    RecordFailed,
    RecordUnknown,
    StartAttempt,
)
from shared.contracts.base import Sealed
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
from shared.contracts.visits import ContactPoint

T0 = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
"""When Anna is to be told."""

SECOND = timedelta(seconds=1)
DUE = T0 - timedelta(minutes=5)
ID, MAIL, HOOK = "v1.1.1", "v1.1.1.c1", "v1.1.1.c2"
_SEALED = Sealed(kid="k1", nonce="n", ct="c")
POINTS = (
    ContactPoint(contact_point_id="c1", channel="mail", address=_SEALED),
    ContactPoint(contact_point_id="c2", channel="webhook", address=_SEALED, secret=_SEALED),
)
MESSAGES = (
    Message(message_id=MAIL, contact_point_id="c1", channel="mail"),
    Message(message_id=HOOK, contact_point_id="c2", channel="webhook"),
)
_ASK: dict[str, Any] = {
    "notification_id": ID,
    "recipient_id": "anna",
    "kind": "step",
    "asked_by": "escalation-v1",
    "escalation_id": "v1.1",
    "ladder_no": 1,
    "step": 1,
    "trigger": "check_in_missed",
    "due_at": DUE,
    "worker_id": "ania",
}


def queue(**changes: Any) -> Queue:
    return replace(Queue(**_ASK, contact_points=POINTS, now=T0), **changes)


def queued(*messages: Message, **changes: object) -> NotificationQueued:
    facts: dict[str, Any] = {**_ASK, "messages": messages or MESSAGES, "send_at": T0, **changes}
    return NotificationQueued(**facts)


def reminder(**changes: object) -> NotificationQueued:
    return queued(
        **{
            "kind": "reminder",
            "asked_by": "visit-v1",
            "escalation_id": None,
            "ladder_no": None,
            "step": None,
            "trigger": None,
            **changes,
        }
    )


def start(
    message_id: str = MAIL, unwanted: str | None = None, now: datetime = T0, to: ContactPoint | None = None
) -> StartAttempt:
    return StartAttempt(message_id, unwanted, now, to)


def started(message_id: str = MAIL, attempt: int = 1, at: datetime = T0) -> AttemptStarted:
    channel: Any = "mail" if message_id == MAIL else "webhook"
    return AttemptStarted(
        notification_id=ID,
        message_id=message_id,
        attempt=attempt,
        contact_point_id="c1" if message_id == MAIL else "c2",
        channel=channel,
        unknown_at=at + ATTEMPT_LASTS,
    )


def accept(message_id: str = MAIL, attempt: int = 1) -> RecordAccepted:
    return RecordAccepted(message_id, attempt, "ref-1", T0 + SECOND)


def accepted(message_id: str = MAIL, attempt: int = 1) -> AttemptAccepted:
    return AttemptAccepted(notification_id=ID, message_id=message_id, attempt=attempt, provider_ref="ref-1")


def fail(message_id: str = MAIL, attempt: int = 1, *, permanent: bool = False, now: datetime = T0) -> RecordFailed:
    return RecordFailed(message_id, attempt, permanent, "smtp_451", now)


def failed(message_id: str = MAIL, attempt: int = 1, retry_at: datetime | None = None) -> AttemptFailed:
    return AttemptFailed(
        notification_id=ID, message_id=message_id, attempt=attempt, reason="smtp_451", retry_at=retry_at
    )


def lose(message_id: str = MAIL, attempt: int = 1, now: datetime = T0) -> RecordUnknown:
    return RecordUnknown(message_id, attempt, "smtp_no_answer", now)


def unknown(
    message_id: str = MAIL, attempt: int = 1, retry_at: datetime | None = None, reason: str = "smtp_no_answer"
) -> AttemptUnknown:
    return AttemptUnknown(notification_id=ID, message_id=message_id, attempt=attempt, reason=reason, retry_at=retry_at)


def time_out(message_id: str = MAIL, now: datetime = T0 + ATTEMPT_LASTS) -> AttemptTimesOut:
    return AttemptTimesOut(message_id, now)


def not_reached(reason: str) -> NotReached:
    return NotReached(
        notification_id=ID,
        recipient_id="anna",
        escalation_id="v1.1",
        kind="step",
        ladder_no=1,
        step=1,
        reason=reason,
    )


def withdrawn(reason: str = "acknowledged") -> NotificationWithdrawn:
    return NotificationWithdrawn(notification_id=ID, reason=reason)


def reply(message_id: str = MAIL, unanswerable: str | None = None) -> ReceiveReply:
    return ReceiveReply(message_id, "acknowledge", T0 + SECOND, unanswerable)


def replied(message_id: str = MAIL, escalation_id: str | None = "v1.1") -> ReplyReceived:
    return ReplyReceived(
        notification_id=ID,
        message_id=message_id,
        recipient_id="anna",
        escalation_id=escalation_id,
        reply="acknowledge",
    )
