"""One row for each episode, made of escalation's own events, and the list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.escalation.readmodel.links import apply_links
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
from shared.contracts.ladders import GRAVITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Record

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

# A trigger joined whose own ladder runs, even where somebody holds the escalation.
JOINED = "UPDATE escalation.escalation SET state = 'open', position = $2 WHERE escalation_id = $1"

# It is graver than what the row says ($5 are the triggers that are less grave), so the row says that from now on.
GRAVER = """
UPDATE escalation.escalation SET trigger = $2, service = $3, concern = $4
WHERE escalation_id = $1 AND trigger = ANY ($5)
"""

# Only now somebody knows whom it is about.
NAMED = "UPDATE escalation.escalation SET worker_id = $2, position = $3 WHERE escalation_id = $1"
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

# Newest first, of one site or of all, open or ended or both, but for those about one person. Uses escalation_site (site_id, opened_at).
LIST = """
SELECT escalation_id, visit_id, worker_id, site_id, trigger, service, concern, state, exhausted, acknowledged_by,
    runs_out_at, opened_at, ended_at, position
FROM escalation.escalation
WHERE ($1::text IS NULL OR site_id = $1) AND ($2::boolean IS NULL OR (ended_at IS NULL) = $2)
    AND worker_id <> $4
ORDER BY opened_at DESC, position DESC LIMIT $3
"""


def applies(keyring: Keyring) -> Mapping[str, Apply]:
    """Return what each type of event does to the rows. The codes of links follow from ``keyring``."""

    async def apply(connection: Connection, recorded: Recorded) -> None:
        await _apply_row(connection, recorded)
        await apply_links(connection, recorded, keyring)

    return {event.type: apply for event in EVENTS}


async def _apply_row(connection: Connection, recorded: Recorded) -> None:
    at, position = recorded.recorded_at, recorded.position
    match recorded.event:
        case EscalationOpened() as event:
            row = (event.escalation_id, recorded.envelope.stream_id, event.visit_id, event.worker_id, event.site_id)
            await connection.execute(OPENED, *row, event.trigger, at, position, *_wrong(event.trouble))
        case EscalationJoined() as event:
            await _joined(connection, event, position)
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
            pass  # neither a step nor a task changes anything of the row


async def _joined(connection: Connection, event: EscalationJoined, position: int) -> None:
    if event.worker_id:
        await connection.execute(NAMED, event.escalation_id, event.worker_id, position)
    if event.ladder_no:
        graver_than = [trigger for trigger, gravity in GRAVITY.items() if gravity < GRAVITY[event.trigger]]
        await connection.execute(JOINED, event.escalation_id, position)
        await connection.execute(GRAVER, event.escalation_id, event.trigger, *_wrong(event.trouble), graver_than)


def _wrong(trouble: Trouble | None) -> tuple[str | None, str | None]:
    return (None, None) if trouble is None else (trouble.service, trouble.concern)


async def list_escalations(pool: Pool, site_id: str | None, *, is_open: bool | None, not_about: str) -> list[Record]:
    """Return rows, newest first: of one site or of all (None), open, ended or both (None), and none about this person."""
    return list(await pool.fetch(LIST, site_id, is_open, MOST_ROWS, not_about))
