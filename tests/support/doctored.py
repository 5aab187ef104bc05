"""A story's state, doctored in every part that its sum is said to hold. Nothing of it stays: each change is rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import asyncpg

from tests.support.story_state import read_state, sum_of

# No trigger and no foreign key holds a superuser who asks for this, for the length of a transaction.
UNGUARDED = "SET LOCAL session_replication_role = replica"

DOCTORINGS: Mapping[str, str] = MappingProxyType(
    {
        "a reminder is gone": """
            DELETE FROM log.event WHERE position = (SELECT max(position) FROM log.event
                WHERE visit_id = $1 AND type = 'visit.reminder_due.v1')""",
        "the miss stands behind the end": """
            UPDATE log.event SET position = position + 1000000
            WHERE visit_id = $1 AND type = 'visit.check_in_missed.v1'""",
        "somebody else has taken it": """
            UPDATE log.event SET record = convert_to(replace(convert_from(record, 'UTF8'), 'hana', 'sam'), 'UTF8')
            WHERE visit_id = $1 AND type = 'escalation.acknowledged.v1'""",
        "a person has done what the clock did": """
            UPDATE log.event SET actor = 'sam' WHERE visit_id = $1 AND type = 'visit.check_in_missed.v1'""",
        "the escalation has no cause": """
            UPDATE log.event SET causation_id = NULL WHERE visit_id = $1 AND type = 'escalation.opened.v1'""",
        "no mail was taken": """
            DELETE FROM log.event WHERE visit_id = $1 AND type = 'notification.attempt_accepted.v1'
                AND convert_from(record, 'UTF8') LIKE '%smtp_250%'""",
        "one all-clear was never queued": """
            DELETE FROM log.event WHERE position = (SELECT max(position) FROM log.event
                WHERE visit_id = $1 AND type = 'notification.queued.v1')""",
        "checkin shows the visit as missed": "UPDATE checkin.visit SET missed = true WHERE visit_id = $1",
        "checkin shows an earlier event": """
            UPDATE checkin.visit SET position = (SELECT min(position) FROM log.event WHERE visit_id = $1)
            WHERE visit_id = $1""",
        "checkin does not show the visit": "DELETE FROM checkin.visit WHERE visit_id = $1",
        "escalation shows it as open": "UPDATE escalation.escalation SET state = 'open' WHERE visit_id = $1",
        "nobody has a link": """
            DELETE FROM escalation.link WHERE escalation_id IN (
                SELECT escalation_id FROM escalation.escalation WHERE visit_id = $1)""",
        "audit lacks the last event": """
            UPDATE audit.visit SET last_position = last_position - 1 WHERE visit_id = $1""",
        "audit lacks the first event": """
            UPDATE audit.visit SET first_position = first_position + 1 WHERE visit_id = $1""",
        "notifier shows one notification less": """
            DELETE FROM notifier.notification WHERE notification_id = (
                SELECT min(notification_id) FROM notifier.notification WHERE visit_id = $1)""",
        "notifier shows a message as waiting": """
            UPDATE notifier.message SET state = 'waiting' WHERE message_id = (SELECT min(message_id)
                FROM notifier.message JOIN notifier.notification USING (notification_id) WHERE visit_id = $1)""",
        "notifier shows a call as failed": """
            UPDATE notifier.attempt SET outcome = 'failed' WHERE message_id = (SELECT min(message_id)
                FROM notifier.message JOIN notifier.notification USING (notification_id) WHERE visit_id = $1)""",
        "a deadline is left": """
            INSERT INTO log.deadline (stream_id, kind, subject, topic, due_at)
            SELECT 'visit-' || $1, 'check_in', '', 'lonewatch.visits.v1', log.now() + interval '1 hour'""",
    }
)
"""What is changed of a visit that was missed, in words, and the SQL that does it."""


async def doctored(dsn: str, visit_id: str) -> Mapping[str, str]:
    """Return the sum of a visit's state under each change; ``""`` is that of the state as it is."""
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        sums = {"": sum_of(await read_state(connection, visit_id))}
        for name, change in DOCTORINGS.items():
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(UNGUARDED)
            changed = await connection.execute(change, visit_id)
            assert not changed.endswith(" 0"), f"{name}: nothing to change"
            sums[name] = sum_of(await read_state(connection, visit_id))
            await transaction.rollback()
        return sums
    finally:
        await connection.close()
