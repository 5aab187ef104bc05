"""Read streams of any service as far as they can be read. Whoever writes to a stream loads it through ``Commands``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import structlog

from shared.contracts.envelope import Undecodable, decode
from shared.runtime.log import LOAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.contracts.base import Event
    from shared.runtime.postgres import Pool

MOST_KEPT = 4096
"""Records that are kept as they were read: the policies and grants of many sites. Of 400 triggers at once, each is read once."""

log = structlog.get_logger()


async def readable(pool: Pool, stream_ids: Sequence[str]) -> Mapping[str, list[Event]]:
    """Load streams, leaving out each record that this release cannot read. Raises only what the connection raises.

    What a later release wrote is left out too, where ``log.load`` would raise: here half of it is better than none.
    """
    wanted = list(dict.fromkeys(stream_ids))
    rows = await pool.fetch(LOAD, wanted, [0] * len(wanted), None, None)
    read = {row["stream_id"]: [_event_in(record) for record in row["records"] or ()] for row in rows}
    return {stream_id: [event for event in events if event is not None] for stream_id, events in read.items()}


@lru_cache(maxsize=MOST_KEPT)
def _event_in(record: bytes) -> Event | None:
    """Read a record once: its bytes never change, nor does the event."""
    try:
        return decode(record).event
    except Undecodable as error:
        log.warning("record_not_readable", error=str(error))
        return None
