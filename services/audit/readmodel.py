"""The list of visits, and the queries over it and over the log. No command reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.audit.domain import OF_NO_VISIT, Unreadable, concerned, notification_ids
from shared.contracts.base import stream_of
from shared.contracts.envelope import Recorded, Undecodable, decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncpg import Record

    from shared.runtime.postgres import Connection, Pool

MOST_ROWS = 500
"""Rows of one answer, newest first: more than a person looks through; ``before`` gives the next ones."""

# Widen what is known of a visit. The topics arrive in any order, so both ends may move.
APPLY = """
INSERT INTO audit.visit AS v (visit_id, site_id, first_position, last_position) VALUES ($1, $2, $3, $3)
ON CONFLICT (visit_id) DO UPDATE SET
    site_id = coalesce(v.site_id, excluded.site_id),
    first_position = least(v.first_position, excluded.first_position),
    last_position = greatest(v.last_position, excluded.last_position)
"""

# The visits of a site that began before a position, newest first. Uses visit_site (site_id, first_position).
LIST = """
SELECT visit_id, site_id, first_position, last_position FROM audit.visit
WHERE site_id = $1 AND ($2::bigint IS NULL OR first_position < $2) ORDER BY first_position DESC LIMIT $3
"""

# Everything about a visit, in order. Uses event_visit (visit_id, position).
OF_VISIT = "SELECT position, type, record FROM log.event WHERE visit_id = $1 ORDER BY position"

# Events of some streams that belong to no visit, in order. Uses event_stream_version (stream_id, version).
OF_STREAMS = """
SELECT position, type, record FROM log.event WHERE stream_id = ANY ($1) AND visit_id IS NULL ORDER BY position
"""

# The plans of visits, which begin their streams. Uses event_stream_version (stream_id, version).
PLANS = "SELECT stream_id, record FROM log.event WHERE stream_id = ANY ($1) AND version = 1"


async def apply_visit(connection: Connection, recorded: Recorded) -> None:
    """Take one event into the list, where it belongs to a visit."""
    envelope = recorded.envelope
    if envelope.visit_id is not None:
        await connection.execute(APPLY, envelope.visit_id, envelope.site_id, envelope.position)


async def visits_of(pool: Pool, site_id: str, before: int | None, reader_id: str) -> Sequence[Mapping[str, Any]]:
    """Return the newest visits of a site, or the newest ones that began before a position.

    Of the reader's own visits the last position is None: it moves with what is kept from them. So it is of a visit whose
    plan nobody can read: it may be theirs.
    """
    rows = await pool.fetch(LIST, site_id, before, MOST_ROWS)
    plans = await pool.fetch(PLANS, [stream_of("visit", row["visit_id"]) for row in rows])
    others = {row["stream_id"] for row in plans if _is_of_somebody_else(row["record"], reader_id)}
    return [
        {**row, "last_position": row["last_position"] if stream_of("visit", row["visit_id"]) in others else None}
        for row in rows
    ]


def _is_of_somebody_else(plan: bytes, reader_id: str) -> bool:
    """Say whether a plan can be read, and names a worker other than the reader."""
    try:
        named = concerned([decode(plan).event])
    except Undecodable:
        return False
    return bool(named) and reader_id not in named


@dataclass(frozen=True)
class History:
    """Events in position order, and the records that nobody can read: told, and never hidden."""

    events: tuple[Recorded, ...]
    unreadable: tuple[Unreadable, ...] = ()

    def __add__(self, other: History) -> History:
        """Join two histories in position order."""
        events = sorted((*self.events, *other.events), key=lambda recorded: recorded.position)
        unreadable = sorted((*self.unreadable, *other.unreadable), key=lambda record: record.position)
        return History(tuple(events), tuple(unreadable))


async def history_of_visit(pool: Pool, visit_id: str) -> History:
    """Return every event of a visit, of whichever service."""
    return _history(await pool.fetch(OF_VISIT, visit_id))


async def history_of_streams(pool: Pool, stream_ids: Sequence[str]) -> History:
    """Return the events of these streams that belong to no visit."""
    return _history(await pool.fetch(OF_STREAMS, list(stream_ids)))


async def history_of_worker(pool: Pool, worker_id: str) -> History:
    """Return what was signalled of a worker without a visit, its escalations, and the notifications that these asked for."""
    asked = [stream_of(kind, worker_id) for kind in ("worker", "escalation", "disclosure")]
    found = await history_of_streams(pool, asked)
    events = tuple(
        recorded
        for recorded in found.events
        if not recorded.envelope.stream_id.startswith("worker-") or isinstance(recorded.event, OF_NO_VISIT)
    )
    told = [stream_of("notification", notification_id) for notification_id in notification_ids(events)]
    return History(events, found.unreadable) + await history_of_streams(pool, told)


def _history(rows: Sequence[Record]) -> History:
    events, unreadable = [], []
    for row in rows:
        try:
            events.append(decode(row["record"]))
        except Undecodable:
            unreadable.append(Unreadable(row["position"], row["type"]))
    return History(tuple(events), tuple(unreadable))
