"""Compare the newest records with their columns: the record is the event, the columns are copies for indexes.

Reads and compares; says nothing of what stands in either.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from shared.contracts.topics import TOPIC_OF_SERVICE, shard_of
from shared.runtime.self_checks import Check, Difference
from shared.runtime.troubles import is_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

MOST_RECORDS = 500
"""Records of one look: some milliseconds of work, and more than a busy service appends in the time between two."""

# The newest records of a topic with their columns, from a position on. Uses the primary key (position).
RECORDS = """
SELECT position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
FROM log.event WHERE topic = $1 AND position > $2 ORDER BY position LIMIT $3
"""

# Where the log is.
HEAD = "SELECT position FROM log.head"

COPIES = (
    "position", "topic", "shard", "stream_id", "version", "type", "visit_id", "site_id", "event_id", "correlation_id",
    "causation_id", "actor", "release",
)  # fmt: skip
"""The columns that hold what a member of the record holds."""

INSTANTS = ("occurred_at", "recorded_at")
"""The columns that hold an instant, which a record writes as text."""


class Columns:
    """Compares the newest records of one service's topic with their columns, from the last look on."""

    def __init__(self, pool: Pool, troubles: Troubles) -> None:
        """Read by ``pool``. The first look begins a little before the head of that moment."""
        self._pool = pool
        self._troubles = troubles
        self._topic = TOPIC_OF_SERVICE[troubles.service]
        self._after: int | None = None

    @property
    def check(self) -> Check:
        """This, as one of the service's checks."""
        return Check("columns", self.look)

    async def look(self) -> Sequence[Difference]:
        """Return what differs and was not set aside for it: of that, whoever followed the record has told already."""
        head = await self._pool.fetchval(HEAD)  # before the records: whatever came later is read at the next look
        after = head - MOST_RECORDS if self._after is None else self._after
        rows = await self._pool.fetch(RECORDS, self._topic, after, MOST_RECORDS)
        # To the head, so that a service that says little does not read again what all the others said meanwhile.
        self._after = rows[-1]["position"] if len(rows) == MOST_RECORDS else max(after, head)
        differing = [(row, found) for row in rows if (found := compare(row))]
        parked = await self._parked([row for row, _ in differing])
        return [found for row, found in differing if row["position"] not in parked]

    async def _parked(self, rows: Sequence[Record]) -> frozenset[int]:
        """Return the positions of what this service has set aside of the visits in these rows."""
        streams = {self._troubles.stream_of_row(row) for row in rows}
        known = await self._troubles.known(streams) if streams else {}
        return frozenset(parked.fact.position for one in known.values() for parked in one.state.parked)


def compare(row: Record | dict[str, Any]) -> Difference | None:
    """Compare one row with the record in it, and the shard with what it is made of."""
    try:
        record = orjson.loads(row["record"])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict):
        return None
    differ = [name for name in COPIES if record.get(name) != row[name]]
    differ += [name for name in INSTANTS if _instant(record.get(name)) != row[name]]
    if row["shard"] != shard_of(row["visit_id"] or row["stream_id"]) and "shard" not in differ:
        differ.append("shard")
    if not differ:
        return None
    return Difference(
        place=f"position-{row['position']}",
        expected=f"{', '.join(differ)} as in the record",
        found="another value in the column",
        visit_id=_id(record.get("visit_id")),
        site_id=_id(record.get("site_id")),
    )


def _id(text: object) -> str | None:
    return text if isinstance(text, str) and is_id(text) else None


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
