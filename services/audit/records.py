"""Records as they stand in the log, byte for byte, for a bundle. Reads and never decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.domain.bundling import Bundled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.audit.domain.bundling import Why
    from shared.runtime.postgres import Pool

# The records of a visit in order, and no more than so many. Uses event_visit (visit_id, position).
OF_VISIT = """
SELECT position, type, stream_id, version, record FROM log.event WHERE visit_id = $1 ORDER BY position LIMIT $2
"""

# The records of one type in some streams, in order. Uses event_stream_version (stream_id, version).
OF_STREAMS = """
SELECT position, type, stream_id, version, record FROM log.event
WHERE stream_id = ANY ($1) AND type = $2 ORDER BY position
"""


async def records_of_visit(pool: Pool, visit_id: str, most: int) -> Sequence[Bundled]:
    """Return the records of a visit, of whichever service; at most ``most``."""
    return [Bundled(why="visit", **row) for row in await pool.fetch(OF_VISIT, visit_id, most)]


async def records_of_type(pool: Pool, stream_ids: Sequence[str], type_: str, why: Why) -> Sequence[Bundled]:
    """Return the records of one type in these streams."""
    return [Bundled(why=why, **row) for row in await pool.fetch(OF_STREAMS, list(stream_ids), type_)]
