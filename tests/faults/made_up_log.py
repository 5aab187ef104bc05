"""Write a story that is made up into an empty log, as no service could: by the superuser, event by event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from tests.faults.made_up import DEADLINES, Fact, iso, minute

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

TOPICS = {
    "visit": "lonewatch.visits.v1",
    "worker": "lonewatch.visits.v1",
    "escalation": "lonewatch.escalations.v1",
    "notification": "lonewatch.notifications.v1",
    "recipient": "lonewatch.notifications.v1",
    "checkin_trouble": "lonewatch.visits.v1",
    "escalation_trouble": "lonewatch.escalations.v1",
    "notifier_trouble": "lonewatch.notifications.v1",
}
"""Topic of each kind of stream that a story has."""

# Every reaction has passed everything.
APPLY = """
UPDATE log.applied a
SET position = coalesce((SELECT max(position) FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard), 0)
"""


async def write(connection: Connection, story: Sequence[Fact]) -> None:
    """Write a story into an empty log, with the ids that brought it and the deadlines that it leaves. By the superuser."""
    await connection.execute("SET session_replication_role = replica")
    incarnation = await connection.fetchval("SELECT incarnation::text FROM log.head")
    rows = list(_rows(story, incarnation))
    await connection.copy_records_to_table("event", schema_name="log", columns=list(rows[0]), records=_values(rows))
    await connection.execute("UPDATE log.head SET position = $1, recorded_at = $2", len(rows), rows[-1]["recorded_at"])
    await connection.executemany(
        "INSERT INTO log.command VALUES ($1, $2, '', $3, $3, $4, '{}')",
        [
            (f"http:{fact.actor}", fact.key, position, minute(fact.minutes))
            for position, fact in enumerate(story, start=1)
            if fact.key is not None and fact.key == fact.name
        ],
    )
    await connection.execute(APPLY)
    await connection.executemany(
        "INSERT INTO log.deadline VALUES ($1, $2, '', 'made-up', $3)",
        [(stream_id, kind, minute(minutes)) for stream_id, kind, minutes in DEADLINES],
    )


def _values(rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows]


def _rows(story: Sequence[Fact], incarnation: str) -> Iterable[dict[str, Any]]:
    versions: dict[str, int] = {}
    for position, fact in enumerate(story, start=1):
        versions[fact.stream_id] = versions.get(fact.stream_id, 0) + 1
        digest = sha256((fact.visit_id or fact.stream_id).encode()).digest()
        members = {
            "position": position,
            "topic": TOPICS[fact.stream_id.partition("-")[0]],
            "shard": int.from_bytes(digest[:8], "big") % 64,
            "stream_id": fact.stream_id,
            "version": versions[fact.stream_id],
            "type": fact.type,
            "visit_id": fact.visit_id,
            "site_id": "s1",
            "event_id": fact.name,
            "correlation_id": fact.key or "made-up",
            "causation_id": fact.cause,
            "actor": fact.actor,
            "release": "0",
        }
        instants = dict.fromkeys(("occurred_at", "recorded_at"), iso(fact.minutes))
        record = json.dumps({"incarnation": incarnation, **members, **instants, "data": fact.data}).encode()
        yield {
            **members,
            **dict.fromkeys(instants, minute(fact.minutes)),
            "record": record if fact.record is None else fact.record,
        }
