"""The list of notifications: rows made of notifier's own events, and the queries over them. No command rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.contracts.notifications import (
    EVENTS,
    AttemptAccepted,
    AttemptFailed,
    AttemptStarted,
    AttemptUnknown,
    NotificationQueued,
    NotificationWithdrawn,
    NotReached,
    ReplyReceived,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.contracts.envelope import Recorded
    from shared.runtime.consumers import Apply
    from shared.runtime.postgres import Connection, Pool

MOST_ROWS = 500
"""Notifications of one answer, oldest first: more than one escalation gives in its first hours."""

QUEUED = """
INSERT INTO notifier.notification (
    notification_id, visit_id, site_id, escalation_id, recipient_id, worker_id, kind, trigger, ladder_no, step, due_at,
    queued_at, position
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
QUEUED_MESSAGE = """
INSERT INTO notifier.message (message_id, notification_id, place, contact_point_id, channel, state)
VALUES ($1, $2, $3, $4, $5, 'queued')
"""
NOT_REACHED = "UPDATE notifier.notification SET not_reached = $2 WHERE notification_id = $1"
WITHDRAWN = "UPDATE notifier.notification SET withdrawn = $2 WHERE notification_id = $1"
# What is in flight or has ended keeps its state: only what was still to be sent is withdrawn.
WITHDRAWN_MESSAGES = """
UPDATE notifier.message SET state = 'withdrawn', retry_at = NULL
WHERE notification_id = $1 AND state IN ('queued', 'waiting')
"""
STARTED = "INSERT INTO notifier.attempt (message_id, attempt, started_at) VALUES ($1, $2, $3)"
# Shows where the message goes now, which is another contact point once its own is gone.
IN_FLIGHT = """
UPDATE notifier.message SET state = 'in_flight', retry_at = NULL, contact_point_id = $2, channel = $3
WHERE message_id = $1
"""
ENDED = "UPDATE notifier.attempt SET outcome = $3, reason = $4, ended_at = $5 WHERE message_id = $1 AND attempt = $2"
STATE = "UPDATE notifier.message SET state = $2, retry_at = $3 WHERE message_id = $1"
REPLIED = "UPDATE notifier.message SET replied_at = $2 WHERE message_id = $1"

# Of one site, by visit, by escalation, or one; but of whoever asks only what was sent to them as a worker, or they could
# see on their own screen that they signalled duress. Uses notification_visit, notification_escalation or the primary key.
LIST = """
SELECT notification_id, visit_id, escalation_id, recipient_id, worker_id, kind, trigger, ladder_no, step, due_at,
    queued_at, withdrawn, not_reached, position
FROM notifier.notification
WHERE site_id IS NOT DISTINCT FROM $1 AND ($2::text IS NULL OR visit_id = $2)
    AND ($3::text IS NULL OR escalation_id = $3) AND ($4::text IS NULL OR notification_id = $4)
    AND ($5::text IS NULL OR worker_id <> $5 OR kind IN ('reminder', 'test'))
ORDER BY position LIMIT $6
"""
MESSAGES = """
SELECT notification_id, message_id, contact_point_id, channel, state, retry_at, replied_at
FROM notifier.message WHERE notification_id = ANY ($1) ORDER BY notification_id, place
"""
ATTEMPTS = """
SELECT message_id, attempt, started_at, outcome, reason, ended_at
FROM notifier.attempt WHERE message_id = ANY ($1) ORDER BY message_id, attempt
"""
NOTIFICATION_OF = "SELECT notification_id FROM notifier.message WHERE message_id = $1"


async def _apply(connection: Connection, recorded: Recorded) -> None:
    """Write the rows of one event."""
    at = recorded.recorded_at
    match recorded.event:
        case NotificationQueued() as event:
            await _queued(connection, recorded, event)
        case NotReached(notification_id=notification_id, reason=reason):
            await connection.execute(NOT_REACHED, notification_id, reason)
        case NotificationWithdrawn(notification_id=notification_id, reason=reason):
            await connection.execute(WITHDRAWN, notification_id, reason)
            await connection.execute(WITHDRAWN_MESSAGES, notification_id)
        case AttemptStarted(message_id=message_id, attempt=attempt) as event:
            await connection.execute(STARTED, message_id, attempt, at)
            await connection.execute(IN_FLIGHT, message_id, event.contact_point_id, event.channel)
        case AttemptAccepted(message_id=message_id, attempt=attempt):
            await connection.execute(ENDED, message_id, attempt, "accepted", None, at)
            await connection.execute(STATE, message_id, "accepted", None)
        case AttemptFailed() | AttemptUnknown() as event:
            outcome = "failed" if isinstance(event, AttemptFailed) else "unknown"
            await connection.execute(ENDED, event.message_id, event.attempt, outcome, event.reason, at)
            state = "failed" if event.retry_at is None else "waiting"
            await connection.execute(STATE, event.message_id, state, event.retry_at)
        case ReplyReceived(message_id=message_id):
            await connection.execute(REPLIED, message_id, at)
        case _:
            pass  # the entry in a person's own stream says nothing that the notification's does not


async def _queued(connection: Connection, recorded: Recorded, event: NotificationQueued) -> None:
    envelope = recorded.envelope
    about = (event.recipient_id, event.worker_id, event.kind, event.trigger, event.ladder_no, event.step, event.due_at)
    ids = (event.notification_id, envelope.visit_id, envelope.site_id, event.escalation_id)
    await connection.execute(QUEUED, *ids, *about, recorded.recorded_at, recorded.position)
    await connection.executemany(
        QUEUED_MESSAGE,
        [
            (message.message_id, event.notification_id, place, message.contact_point_id, message.channel)
            for place, message in enumerate(event.messages)
        ],
    )


APPLIES: Mapping[str, Apply] = {event.type: _apply for event in EVENTS}
"""What each type of event does to the rows."""


async def list_notifications(
    pool: Pool,
    site_id: str | None,
    *,
    visit_id: str | None = None,
    escalation_id: str | None = None,
    notification_id: str | None = None,
    reader: str | None = None,
) -> list[dict[str, Any]]:
    """Return notifications of one site, oldest first, each with its messages and their attempts.

    What others are told of the ``reader`` is left out.
    """
    rows = await _fetch(pool, LIST, site_id, visit_id, escalation_id, notification_id, reader, MOST_ROWS)
    messages = await _fetch(pool, MESSAGES, [row["notification_id"] for row in rows])
    attempts = await _fetch(pool, ATTEMPTS, [row["message_id"] for row in messages])
    tried = [_with(row, "attempts", attempts, "message_id") for row in messages]
    return [_with(row, "messages", tried, "notification_id") for row in rows]


async def _fetch(pool: Pool, statement: str, *arguments: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(statement, *arguments)]


def _with(row: Mapping[str, Any], name: str, parts: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """Return a row with the rows that belong to it under ``name``, without the key that says so."""
    own = [
        {column: value for column, value in part.items() if column != key} for part in parts if part[key] == row[key]
    ]
    return {**row, name: own}


async def notification_of(pool: Pool, message_id: str) -> str | None:
    """Return the notification of a message whose id does not say it; None where there is none, or not yet a row."""
    notification_id: str | None = await pool.fetchval(NOTIFICATION_OF, message_id)
    return notification_id
