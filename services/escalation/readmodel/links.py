"""The table of links: whom a code belongs to. A row holds the SHA-256 of a code, so nobody who reads the table can use one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.escalation.domain.asking import Asking
from shared.runtime.links import code_sha256, link_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.asks import Ask
    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.sealing import Keyring

LINK = """
INSERT INTO escalation.link (code_sha256, escalation_id, stream_id, worker_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (code_sha256) DO NOTHING
"""

# Whom a link belongs to, and to what.
OF_LINK = "SELECT escalation_id, worker_id FROM escalation.link WHERE code_sha256 = $1"


async def apply_links(connection: Connection, recorded: Recorded, keyring: Keyring) -> None:
    """Add a link for everybody whom an event asks to tell."""
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
