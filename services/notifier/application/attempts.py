"""A message on its way: found in its notification, decided, counted. Does no IO of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prometheus_client import Counter, Histogram

from services.notifier.channels import Receipt
from services.notifier.domain import (
    NOTIFICATION,
    RECIPIENT,
    RecordAccepted,
    RecordFailed,
    RecordUnknown,
    call_id_of,
)
from shared.contracts.notifications import (
    AttemptAccepted,
    AttemptFailed,
    AttemptUnknown,
    NotificationQueued,
    NotificationWithdrawn,
    RecipientAttemptStarted,
)
from shared.runtime.commands import write
from shared.runtime.log import By
from shared.runtime.telemetry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.notifier.application.collecting import Key
    from services.notifier.channels import TransportError
    from services.notifier.domain import Notification, NotificationCommand, NotificationEvent, Recipient
    from shared.contracts.envelope import Envelope, Recorded
    from shared.contracts.notifications import AttemptStarted, Message
    from shared.runtime.commands import Handled
    from shared.runtime.log import Stream, Write

MESSAGES = Counter(
    "lonewatch_messages_total", "Messages by what became of an attempt", ["channel", "outcome"], registry=REGISTRY
)
CALLS = Counter(
    "lonewatch_calls_total", "Calls to the outside, each of one message or of many", ["channel"], registry=REGISTRY
)
FIRST_ATTEMPT = Histogram(
    "lonewatch_first_attempt_seconds",
    "From the deadline that was missed to the first attempt to tell somebody",
    ["channel"],
    buckets=(0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)


@dataclass(frozen=True)
class Sought:
    """A message in its notification."""

    stream: Stream
    recorded: Recorded
    """The event that queued it."""
    queued: NotificationQueued
    message: Message

    @property
    def key(self) -> Key:
        """Which message it is."""
        return self.stream.stream_id, self.message.message_id

    @property
    def envelope(self) -> Envelope:
        """Of the event that queued it."""
        return self.recorded.envelope


def seek(stream: Stream, message_id: str) -> Sought:
    """Return a message in its notification. Raises LookupError where there is none, which no deadline stands for."""
    for recorded in stream.history:
        if isinstance(recorded.event, NotificationQueued):
            for message in recorded.event.messages:
                if message.message_id == message_id:
                    return Sought(stream, recorded, recorded.event, message)
    raise LookupError(stream.stream_id)


def by_of(sought: Sequence[Sought]) -> By:
    """Return what the events of a call say: they belong to what asked for it, or of many to the call alone."""
    if len(sought) > 1:
        return By("system:notifier.clock", call_id_of(one.message.message_id for one in sought))
    envelope = sought[0].envelope
    return By("system:notifier.clock", envelope.correlation_id, envelope.event_id)


def folded(stream: Stream) -> Notification:
    """Return what the stream of a notification says."""
    return NOTIFICATION.fold(cast("list[NotificationEvent]", stream.events))  # such a stream holds no others


def recipient_in(stream: Stream) -> Recipient:
    """Return what the newest entries of a person's stream say."""
    return RECIPIENT.fold([event for event in stream.events if isinstance(event, RecipientAttemptStarted)])


def decided(stream: Stream, command: NotificationCommand) -> Write:
    """Decide for a notification; what it appends belongs to the visit and the site that its first event names."""
    first = stream.history[0].envelope
    return write(
        NOTIFICATION,
        stream,
        lambda state: NOTIFICATION.decide(command, state),
        visit_id=first.visit_id,
        site_id=first.site_id,
    )


def outcome_of(attempt: AttemptStarted, outcome: Receipt | TransportError, now: datetime) -> NotificationCommand:
    """Return the command that records what became of an attempt."""
    if isinstance(outcome, Receipt):
        return RecordAccepted(attempt.message_id, attempt.attempt, outcome.provider_ref, now)
    if outcome.unknown:
        return RecordUnknown(attempt.message_id, attempt.attempt, outcome.code, now)
    return RecordFailed(attempt.message_id, attempt.attempt, outcome.permanent, outcome.code, now)


def count(channel: str, handled: Handled) -> None:
    """Count what became of messages."""
    for event in handled.decided.events:
        match event:
            case AttemptAccepted():
                MESSAGES.labels(channel, "accepted").inc()
            case AttemptFailed(retry_at=retry_at):
                MESSAGES.labels(channel, "failed_for_good" if retry_at is None else "failed_for_now").inc()
            case AttemptUnknown():
                MESSAGES.labels(channel, "unknown").inc()
            case NotificationWithdrawn():
                MESSAGES.labels(channel, "withdrawn").inc()
            case _:
                pass  # not the end of an attempt


def observe_first(queued: NotificationQueued, attempt: AttemptStarted, now: datetime) -> None:
    """Measure how late the first call for a missed check-in is; the ladder's later steps are late by intent."""
    if queued.kind == "step" and queued.step == 1 and attempt.attempt == 1 and queued.due_at is not None:
        FIRST_ATTEMPT.labels(attempt.channel).observe((now - queued.due_at).total_seconds())
