"""The list of escalations and the table of links: rows made of escalation's own events, and the queries over them.

No command reads it. A link's row holds the SHA-256 of its code, so nobody who reads the table can use one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.escalation.domain.asking import Asking
from shared.contracts.escalations import (
    EVENTS,
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
)
from shared.runtime.links import code_sha256, link_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncpg import Record

    from shared.contracts.asks import Ask
    from shared.contracts.envelope import Recorded
    from shared.contracts.troubles import Trouble
    from shared.runtime.consumers import Apply
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.sealing import Keyring

MOST_ROWS = 500
"""Rows of one answer, newest first: more than a person looks through."""

OPENED = """
INSERT INTO escalation.escalation
    (escalation_id, stream_id, visit_id, worker_id, site_id, trigger, state, opened_at, position, service, concern)
VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10)
ON CONFLICT (escalation_id) DO NOTHING
"""

# A graver trigger joined; its ladder runs even where somebody holds the escalation.
JOINED = """
UPDATE escalation.escalation SET trigger = $2, state = 'open', position = $3, service = $4, concern = $5
WHERE escalation_id = $1
"""
EXHAUSTED = "UPDATE escalation.escalation SET exhausted = true, position = $2 WHERE escalation_id = $1"
ACKNOWLEDGED = """
UPDATE escalation.escalation SET state = $5, acknowledged_by = $2, runs_out_at = $3, position = $4
WHERE escalation_id = $1
"""
RAN_OUT = """
UPDATE escalation.escalation SET state = 'open', acknowledged_by = NULL, runs_out_at = NULL, position = $2
WHERE escalation_id = $1
"""
ENDED = """
UPDATE escalation.escalation SET state = $2, ended_at = $3, runs_out_at = NULL, position = $4 WHERE escalation_id = $1
"""

LINK = """
INSERT INTO escalation.link (code_sha256, escalation_id, stream_id, worker_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (code_sha256) DO NOTHING
"""

# Whom a link belongs to, and to what.
OF_LINK = "SELECT escalation_id, worker_id FROM escalation.link WHERE code_sha256 = $1"

# Newest first, of one site or of all, open or ended or both. Uses escalation_site (site_id, opened_at).
LIST = """
SELECT escalation_id, visit_id, worker_id, site_id, trigger, service, concern, state, exhausted, acknowledged_by,
    runs_out_at, opened_at, ended_at, position
FROM escalation.escalation
WHERE ($1::text IS NULL OR site_id = $1) AND ($2::boolean IS NULL OR (ended_at IS NULL) = $2)
ORDER BY opened_at DESC, position DESC LIMIT $3
"""


def applies(keyring: Keyring) -> Mapping[str, Apply]:
    """Return what each type of event does to the rows. The codes of links follow from ``keyring``."""

    async def apply(connection: Connection, recorded: Recorded) -> None:
        await _apply_row(connection, recorded)
        await _apply_links(connection, recorded, keyring)

    return {event.type: apply for event in EVENTS}


async def _apply_row(connection: Connection, recorded: Recorded) -> None:
    at, position = recorded.recorded_at, recorded.position
    match recorded.event:
        case EscalationOpened() as event:
            row = (event.escalation_id, recorded.envelope.stream_id, event.visit_id, event.worker_id, event.site_id)
            await connection.execute(OPENED, *row, event.trigger, at, position, *_wrong(event.trouble))
        case EscalationJoined(escalation_id=escalation_id, ladder_no=ladder_no) as event if ladder_no:
            await connection.execute(JOINED, escalation_id, event.trigger, position, *_wrong(event.trouble))
        case EscalationExhausted(escalation_id=escalation_id):
            await connection.execute(EXHAUSTED, escalation_id, position)
        case EscalationAcknowledged(escalation_id=escalation_id, by=by, runs_out_at=runs_out_at, running=running):
            state = "open" if running else "acknowledged"  # a ladder goes on that its new owner has not seen
            await connection.execute(ACKNOWLEDGED, escalation_id, by, runs_out_at, position, state)
        case AcknowledgementRanOut(escalation_id=escalation_id):
            await connection.execute(RAN_OUT, escalation_id, position)
        case EscalationResolved(escalation_id=escalation_id):
            await connection.execute(ENDED, escalation_id, "resolved", at, position)
        case EscalationStoodDown(escalation_id=escalation_id):
            await connection.execute(ENDED, escalation_id, "stood_down", at, position)
        case EscalationLapsed(escalation_id=escalation_id):
            await connection.execute(ENDED, escalation_id, "lapsed", at, position)
        case _:
            pass  # a step changes nothing of the row


def _wrong(trouble: Trouble | None) -> tuple[str | None, str | None]:
    return (None, None) if trouble is None else (trouble.service, trouble.concern)


async def _apply_links(connection: Connection, recorded: Recorded, keyring: Keyring) -> None:
    event = recorded.event
    if isinstance(event, Asking):
        rows = await _links(keyring, event.escalation_id, recorded.envelope.stream_id, event.asks)
        await connection.executemany(LINK, rows)


async def _links(
    keyring: Keyring, escalation_id: str, stream_id: str, asks: Sequence[Ask]
) -> list[tuple[bytes, str, str, str]]:
    codes = [(await link_code(keyring, escalation_id, ask.worker_id), ask.worker_id) for ask in asks]
    return [(code_sha256(code), escalation_id, stream_id, worker_id) for code, worker_id in codes]


async def of_link(pool: Pool, code: str) -> tuple[str, str] | None:
    """Return the escalation and the person that a code belongs to; None for a code that was never given out."""
    row = await pool.fetchrow(OF_LINK, code_sha256(code))
    return None if row is None else (row["escalation_id"], row["worker_id"])


async def list_escalations(pool: Pool, site_id: str | None, *, is_open: bool | None) -> list[Record]:
    """Return rows, newest first: of one site or of all (None), open, ended or both (None)."""
    return list(await pool.fetch(LIST, site_id, is_open, MOST_ROWS))
