"""I3 of the read models: what each service shows is what the log says, event for event, with none missing or invented.

Only for a log at rest: a read model may be behind for a moment, and nothing of it says so. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import asyncpg

from tests.faults.checker.history import Violation

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SHOWN: Mapping[str, str] = MappingProxyType(
    {
        # From a visit's first event to its last, of all topics.
        "audit does not show the visit from its first event to its last": """
            WITH said AS (
                SELECT visit_id, min(position) AS first, max(position) AS last
                FROM log.event WHERE visit_id IS NOT NULL GROUP BY visit_id
            )
            SELECT visit_id AS where FROM said FULL JOIN audit.visit v USING (visit_id)
            WHERE (first, last) IS DISTINCT FROM (v.first_position, v.last_position)""",
        # The newest event that changes anything of a visit.
        "checkin does not show the visit as its newest event left it": """
            WITH said AS (
                SELECT visit_id, max(position) AS newest, bool_or(type = 'visit.ended.v1') AS ended,
                    coalesce((array_agg(type = 'visit.check_in_missed.v1' ORDER BY position DESC) FILTER (
                        WHERE type IN ('visit.check_in_missed.v1', 'visit.watch_resumed.v1')
                    ))[1], false) AS missed
                FROM log.event WHERE type IN (
                    'visit.planned.v1', 'visit.approved.v1', 'visit.refused.v1', 'visit.cancelled.v1',
                    'visit.started.v1', 'visit.check_in_recorded.v1', 'visit.extended.v1',
                    'visit.check_in_missed.v1', 'visit.watch_resumed.v1', 'visit.ended.v1'
                ) GROUP BY visit_id
            )
            SELECT visit_id AS where FROM said FULL JOIN checkin.visit v USING (visit_id)
            WHERE (newest, ended, said.missed) IS DISTINCT FROM (v.position, v.status = 'ended', v.missed)""",
        # The newest event that changes anything of an episode; one that joins without a ladder names somebody.
        "escalation does not show the episode as its newest event left it": """
            WITH said AS (
                SELECT data ->> 'escalation_id' AS escalation_id, max(position) AS newest
                FROM log.event, LATERAL (SELECT convert_from(record, 'UTF8')::jsonb -> 'data' AS data) AS its
                WHERE type IN (
                    'escalation.opened.v1', 'escalation.exhausted.v1', 'escalation.acknowledged.v1',
                    'escalation.acknowledgement_ran_out.v1', 'escalation.resolved.v1', 'escalation.stood_down.v1',
                    'escalation.lapsed.v1'
                ) OR (type = 'escalation.joined.v1' AND (data ->> 'ladder_no' IS NOT NULL OR data ->> 'worker_id' IS NOT NULL))
                GROUP BY 1
            )
            SELECT escalation_id AS where FROM said FULL JOIN escalation.escalation v USING (escalation_id)
            WHERE newest IS DISTINCT FROM v.position""",
        # One row for each.
        "notifier does not show exactly the notifications that were queued": """
            SELECT coalesce(e.stream_id, v.notification_id) AS where
            FROM (SELECT * FROM log.event WHERE type = 'notification.queued.v1') e
            FULL JOIN notifier.notification v USING (position) WHERE e.position IS NULL OR v.position IS NULL""",
        # One row for each attempt, and what came of it.
        "notifier does not show exactly the attempts and what came of them": """
            WITH said AS (
                SELECT data ->> 'message_id' AS message_id, (data ->> 'attempt')::int AS attempt,
                    max(substring(type FROM 'attempt_(accepted|failed|unknown)')) AS outcome
                FROM log.event, LATERAL (SELECT convert_from(record, 'UTF8')::jsonb -> 'data' AS data) AS its
                WHERE type LIKE 'notification.attempt\\_%' GROUP BY 1, 2
            )
            SELECT message_id AS where FROM said FULL JOIN notifier.attempt v USING (message_id, attempt)
            WHERE said.outcome IS DISTINCT FROM v.outcome OR said.message_id IS NULL OR v.message_id IS NULL""",
    }
)
"""What may be wrong, and the rows of it. Each event of a visit makes or moves a row of at least one of these tables."""


async def check_shown(dsn: str) -> list[Violation]:
    """Read every read model and the log in one snapshot, and return where they differ."""
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await shown(connection)
    finally:
        await connection.close()


async def shown(connection: Connection) -> list[Violation]:
    """Return where the read models differ from the log; in one snapshot where the caller's transaction is one."""
    return [
        Violation("I3", sentence, str(row["where"]))
        for sentence, query in SHOWN.items()
        for row in await connection.fetch(query)
    ]
