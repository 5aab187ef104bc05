"""What the log could do at best: the same table, the same indexes and the same bytes, and nothing else done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sample import Row
    from shared.runtime.postgres import Connection

BATCH = 64
"""Rows of one bare insert: as many as there are callers."""

# The bare insert: rows as arrays, one statement, one commit.
INSERT = """
INSERT INTO log.event (
    position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
)
SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::bytea[]
)
"""

COLUMNS = (
    "position", "topic", "shard", "stream_id", "version", "type", "visit_id", "site_id", "event_id", "correlation_id",
    "causation_id", "actor", "release", "occurred_at", "recorded_at", "record",
)  # fmt: skip
"""Of the table, in the order of the rows."""

HEAD = "SELECT position, incarnation::text FROM log.head"
MOVE_HEAD = "UPDATE log.head SET position = $1, recorded_at = $2"

# The bare keyset read: whole rows in the log's order.
READ = "SELECT * FROM log.event WHERE position > $1 ORDER BY position LIMIT $2"

# The bare poll: the least question that can be asked of the index of deadlines.
POLL = "SELECT stream_id FROM log.deadline WHERE topic = 'lonewatch.visits.v1' AND due_at < now() LIMIT 1"


def in_batches(rows: Sequence[Row]) -> list[list[list[object]]]:
    """Return rows as the arguments of bare inserts."""
    starts = range(0, len(rows), BATCH)
    return [[list(column) for column in zip(*rows[start : start + BATCH], strict=True)] for start in starts]


async def insert(admin: Connection, batches: Sequence[Sequence[object]]) -> None:
    """Insert batch after batch, each a commit, as the superuser: no lock, no test, no other table."""
    for batch in batches:
        await admin.execute(INSERT, *batch)


async def copy(admin: Connection, rows: Sequence[Row]) -> None:
    """Fill the table quickly, before anything is measured, and move the head of the log behind it."""
    await admin.copy_records_to_table("event", schema_name="log", columns=COLUMNS, records=rows)
    await admin.execute(MOVE_HEAD, rows[-1][0], rows[-1][14])
