"""Decide what happens to a notification: queued, attempted, accepted, tried again, withdrawn, answered.

No clock, no database, no channel: the same commands on the same history give the same events. Sending happens between
two of them, outside.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

from services.notifier.domain.commands import (
    AttemptTimesOut,
    NotificationCommand,
    Queue,
    ReceiveReply,
    RecordAccepted,
    RecordFailed,
    RecordUnknown,
    StartAttempt,
)
from services.notifier.domain.state import Notification, NotificationEvent, Sending, deadlines, evolve
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
from shared.decider import Decider, Rejected

ATTEMPT_LASTS = timedelta(seconds=15)
"""After this an attempt without an outcome is unknown: longer than a channel waits (10 s), so that only a dead process
gets here, and short enough that the next attempt still comes while somebody needs it."""

WAITS = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 10, 20, 30, 60))
"""From the end of an attempt to the next one; the last stands for all that follow. Short at first, because a provider's
hiccup passes in seconds and a person is waiting; a minute later on, because more calls do not mend an outage."""

ATTEMPTS = 20
"""Attempts per message: with the waits above a quarter of an hour. By then the ladder has long gone on to others, and
whoever repeats for ever is the exhausted ladder, with notifications of its own."""

_LONGEST_MESSAGE_ID = 96
"""Characters of a message's id: it stands in headers of a mail and of a webhook's call, and channels take no longer one.
The contracts allow ids of 200; two of those joined would not fit even there."""

REFUSALS = {
    "message_unknown": "There is no such message, so it cannot be answered. Use the id in the message itself.",
}
"""Every code with which a command is refused, and what is wrong and what to do, for a person."""


def decide(command: NotificationCommand, state: Notification) -> list[NotificationEvent]:
    """Return what follows from a command. Raises Rejected with a code of REFUSALS."""
    match command:
        case Queue():
            return _queue(command, state)
        case StartAttempt():
            return _start_attempt(command, state)
        case RecordAccepted():
            return _accepted(command, state)
        case RecordFailed():
            return _record_failed(command, state)
        case RecordUnknown(message_id=message_id, attempt=attempt, reason=reason, now=now):
            lost = _in_flight(state, message_id, attempt)
            return [] if lost is None else _unknown(lost, state, reason, now)
        case AttemptTimesOut(message_id=message_id, now=now):
            silent = state.sending(message_id)
            if silent is None or silent.unknown_at is None or now < silent.unknown_at:
                return []  # it has its outcome, or a later attempt is in flight: the clock may ask twice
            return _unknown(silent, state, "no_outcome", silent.unknown_at)  # what went together goes again together
        case ReceiveReply():
            return _receive_reply(command, state)
        case _:
            assert_never(command)


def _queue(command: Queue, state: Notification) -> list[NotificationEvent]:
    if state.queued is not None:
        return []
    points = {point.contact_point_id: point for point in command.contact_points}.values()
    queued = NotificationQueued(
        notification_id=command.notification_id,
        recipient_id=command.recipient_id,
        kind=command.kind,
        asked_by=command.asked_by,
        escalation_id=command.escalation_id,
        ladder_no=command.ladder_no,
        step=command.step,
        trigger=command.trigger,
        due_at=command.due_at,
        worker_id=command.worker_id,
        messages=tuple(_message(command.notification_id, point) for point in points),
        send_at=command.now,
        late=command.late,
        trouble=command.trouble,
        occasion=command.occasion,
        task=command.task,
        passes_on_at=command.passes_on_at,
        duress=command.duress,
    )
    return [queued] if queued.messages else [queued, _not_reached(queued, command.unreached)]


def _message(notification_id: str, point: ContactPoint) -> Message:
    """Return the message for one contact point; where the two ids do not fit into one, their hash stands for them."""
    message_id = f"{notification_id}.{point.contact_point_id}"
    if len(message_id) > _LONGEST_MESSAGE_ID:
        message_id = sha256(message_id.encode()).hexdigest()
    return Message(message_id=message_id, contact_point_id=point.contact_point_id, channel=point.channel)


def _start_attempt(command: StartAttempt, state: Notification) -> list[NotificationEvent]:
    sending = state.sending(command.message_id)
    if state.queued is None or sending is None or state.withdrawn:
        return []
    if sending.send_at is None or command.now < sending.send_at:
        return []  # in flight, ended, or not yet its time
    if command.unwanted is not None:
        return [NotificationWithdrawn(notification_id=state.notification_id, reason=command.unwanted)]
    return [
        AttemptStarted(
            notification_id=state.notification_id,
            message_id=command.message_id,
            attempt=sending.attempts + 1,
            contact_point_id=(command.to or sending.message).contact_point_id,
            channel=(command.to or sending.message).channel,
            unknown_at=command.now + ATTEMPT_LASTS,
            call_id=command.call_id,
        )
    ]


def _in_flight(state: Notification, message_id: str, attempt: int) -> Sending | None:
    """Return the message when this very attempt is in flight; an outcome of any other comes too late."""
    sending = state.sending(message_id)
    if sending is None or sending.unknown_at is None or sending.attempts != attempt:
        return None
    return sending


def _accepted(command: RecordAccepted, state: Notification) -> list[NotificationEvent]:
    if _in_flight(state, command.message_id, command.attempt) is None:
        return []
    return [
        AttemptAccepted(
            notification_id=state.notification_id,
            message_id=command.message_id,
            attempt=command.attempt,
            provider_ref=command.provider_ref,
        )
    ]


def _record_failed(command: RecordFailed, state: Notification) -> list[NotificationEvent]:
    sending = _in_flight(state, command.message_id, command.attempt)
    if sending is None:
        return []
    retry_at = None if command.permanent else _retry_at(sending, state, command.now)
    failed = AttemptFailed(
        notification_id=state.notification_id,
        message_id=command.message_id,
        attempt=command.attempt,
        reason=command.reason,
        retry_at=retry_at,
    )
    return [failed, *_nobody_reached(sending, state, retry_at)]


def _unknown(sending: Sending, state: Notification, reason: str, ended_at: datetime) -> list[NotificationEvent]:
    retry_at = _retry_at(sending, state, ended_at)
    unknown = AttemptUnknown(
        notification_id=state.notification_id,
        message_id=sending.message.message_id,
        attempt=sending.attempts,
        reason=reason,
        retry_at=retry_at,
    )
    return [unknown, *_nobody_reached(sending, state, retry_at)]


def _retry_at(sending: Sending, state: Notification, ended_at: datetime) -> datetime | None:
    """Return when the message goes again: never once it was withdrawn, answered, or tried often enough."""
    if state.withdrawn or sending.answered or sending.attempts >= ATTEMPTS:
        return None
    return ended_at + WAITS[min(sending.attempts, len(WAITS)) - 1]


def _nobody_reached(sending: Sending, state: Notification, retry_at: datetime | None) -> list[NotificationEvent]:
    """Say so when this was the last message that could still reach the person, and none did."""
    others = [other for other in state.sendings if other != sending]
    reached = sending.answered or any(other.accepted or other.answered for other in others)
    if state.queued is None or state.withdrawn or reached or retry_at is not None:
        return []
    return [_not_reached(state.queued, "every_message_failed")] if all(other.ended for other in others) else []


def _not_reached(queued: NotificationQueued, reason: str) -> NotReached:
    return NotReached(
        notification_id=queued.notification_id,
        recipient_id=queued.recipient_id,
        escalation_id=queued.escalation_id,
        kind=queued.kind,
        ladder_no=queued.ladder_no,
        step=queued.step,
        reason=reason,
    )


def _receive_reply(command: ReceiveReply, state: Notification) -> list[NotificationEvent]:
    sending = state.sending(command.message_id)
    if state.queued is None or sending is None:
        raise Rejected("message_unknown")
    if command.unanswerable is not None or (command.reply == "reached" and sending.answered):
        return []
    return [  # a further reply too: an acknowledgement may have run out since the first one
        ReplyReceived(
            notification_id=state.notification_id,
            message_id=command.message_id,
            recipient_id=state.queued.recipient_id,
            escalation_id=state.queued.escalation_id,
            reply=command.reply,
        )
    ]


NOTIFICATION: Decider[NotificationCommand, NotificationEvent, Notification] = Decider(
    Notification(), decide, evolve, deadlines
)
"""The stream ``notification-<id>``."""
