"""The list of visits: one row each, from the events of its own stream alone. Ids, codes and instants; nothing personal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shared.contracts.awaited import CheckInMissed, WatchResumed
from shared.contracts.envelope import Recorded
from shared.contracts.visits import (
    CheckInRecorded,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitStarted,
)
from shared.runtime.records import instant

if TYPE_CHECKING:
    from shared.runtime.consumers import Apply
    from shared.runtime.postgres import Connection, Pool

MOST_LISTED = 500
"""Visits in one answer: more than a site has open at any time."""

# A visit appears.
PLAN = """
INSERT INTO checkin.visit (
    visit_id, site_id, worker_id, kind, status, starts_at, expected_end_at, policy_id, policy_version, position
) VALUES ($1, $2, $3, $4, 'planned', $5, $6, $7, $8, $9)
ON CONFLICT (visit_id) DO NOTHING
"""

# A visit changes: NULL leaves what it was.
CHANGE = """
UPDATE checkin.visit SET
    status = coalesce($2, status), due_at = coalesce($3, due_at), missed = coalesce($4, missed),
    expected_end_at = coalesce($5, expected_end_at), position = $6
WHERE visit_id = $1
"""

# A visit is over: nothing is due any more.
END = "UPDATE checkin.visit SET status = 'ended', due_at = NULL, position = $2 WHERE visit_id = $1"

# The newest visits of a site, or of all. Uses visit_site (site_id, starts_at) or visit_start (starts_at).
LIST = """
SELECT visit_id, site_id, worker_id, kind, status, missed, starts_at, expected_end_at, due_at, policy_id,
    policy_version, position
FROM checkin.visit
WHERE ($1::text IS NULL OR site_id = $1) AND ($2::text IS NULL OR status = $2)
ORDER BY starts_at DESC, visit_id LIMIT $3
"""


async def plan(connection: Connection, recorded: Recorded) -> None:
    """Add a visit."""
    event = recorded.event
    assert isinstance(event, VisitPlanned)  # noqa: S101 -- the table below pairs it with this type alone
    await connection.execute(
        PLAN,
        event.visit_id,
        event.site_id,
        event.worker_id,
        event.kind,
        event.starts_at,
        event.expected_end_at,
        event.policy_id,
        event.policy_version,
        recorded.position,
    )


async def change(connection: Connection, recorded: Recorded) -> None:
    """Change what an event of a visit changes in its row."""
    status: str | None = None
    missed: bool | None = None
    due_at: datetime | None = None
    expected_end_at: datetime | None = None
    match recorded.event:
        case VisitApproved():
            status = "approved"
        case VisitRefused():
            status = "refused"
        case VisitCancelled():
            status = "cancelled"
        case VisitStarted(due_at=due_at):
            status = "started"
        case CheckInRecorded(due_at=due_at):
            pass
        case VisitExtended(due_at=due_at, expected_end_at=expected_end_at):
            pass
        case CheckInMissed():
            missed = True
        case WatchResumed(due_at=due_at):
            missed = False
    await connection.execute(
        CHANGE, recorded.envelope.visit_id, status, due_at, missed, expected_end_at, recorded.position
    )


async def end(connection: Connection, recorded: Recorded) -> None:
    """Clear what was due of a visit that has ended."""
    await connection.execute(END, recorded.envelope.visit_id, recorded.position)


APPLIES: Mapping[str, Apply] = MappingProxyType(
    {
        VisitPlanned.type: plan,
        VisitEnded.type: end,
        **{
            event.type: change
            for event in (
                VisitApproved,
                VisitRefused,
                VisitCancelled,
                VisitStarted,
                CheckInRecorded,
                VisitExtended,
                CheckInMissed,
                WatchResumed,
            )
        },
    }
)
"""What each type of event does to the rows."""


async def visits(pool: Pool, site_id: str | None, status: str | None) -> list[dict[str, Any]]:
    """Return the newest visits, of one site and status where given."""
    rows = await pool.fetch(LIST, site_id, status, MOST_LISTED)
    return [{key: _shown(value) for key, value in row.items()} for row in rows]


def _shown(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value
