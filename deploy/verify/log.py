"""Compare every record of the log with the tree, its columns with it, and the order of each stream with itself.

Reads by pages, and holds one of them: a log of any length takes the same memory. Changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from shared.runtime.columns_check import compare

if TYPE_CHECKING:
    from asyncpg import Record

    from deploy.verify.found import Found
    from deploy.verify.tree import Tree
    from shared.runtime.postgres import Connection

PAGE = 2000
"""Rows of one read: some megabytes, and far less time than a statement may take."""

COVERED_WITHIN = timedelta(seconds=10)
"""How long a record may wait for a checkpoint that covers it: what the project promises."""

# Where the log is, which incarnation it is, and the first and the last row there are; all of one moment.
HEAD = """
SELECT h.position, h.incarnation::text, log.now() AS now,
    (SELECT min(e.position) FROM log.event e) AS first, (SELECT max(e.position) FROM log.event e) AS last
FROM log.head h
"""

# Records with their columns, in order. Uses the primary key (position).
RECORDS = """
SELECT position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
FROM log.event WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3
"""

# The places of the events of each stream. Uses event_stream_version (stream_id, version).
STREAMS = """
SELECT stream_id, version, position FROM log.event
WHERE (stream_id, version) > ($1, $2) ORDER BY stream_id, version LIMIT $3
"""


async def verify_log(connection: Connection, tree: Tree | None, found: Found) -> None:
    """Add to ``found`` what is wrong with the log: by itself, and beside a tree where there is one that can be read."""
    head = await connection.fetchrow(HEAD)
    assert head is not None  # noqa: S101 -- a migration makes the row, and nobody may remove it
    size = tree.size if tree else 0
    if tree and head["position"] < size:
        found.add(
            "log_shorter_than_tree",
            f"The log ends at position {head['position']}, and the tree has {size} records: "
            "an older copy of the log was brought back, or records were removed.",
            head["position"] + 1,
        )
    await _records(connection, tree, head, found)
    await _streams(connection, head["position"], found)


async def _records(connection: Connection, tree: Tree | None, head: Record, found: Found) -> None:
    """Read all records up to the head of the beginning."""
    expected, after = 1, min(head["first"] or 1, 1) - 1
    last = max(head["last"] or 0, head["position"])
    while rows := await connection.fetch(RECORDS, after, last, PAGE):
        for row in rows:
            if row["position"] <= head["position"]:
                expected = _gap(expected, row["position"], found)
            _record(row, tree, head, found)
        after = rows[-1]["position"]
        found.checked["records"] = int(found.checked.get("records", 0)) + len(rows)
    _gap(expected, head["position"] + 1, found)


def _gap(expected: int, position: int, found: Found) -> int:
    """Compare a position with the one that has to follow; return the one after it."""
    if position < 1:
        found.add("record_stray", f"There is a record at position {position}, and the first is 1.", position)
        return expected
    if position > expected:
        upto = f" to {position - 1}" if position - 1 > expected else ""
        found.add("record_missing", f"There is no record at position {expected}{upto}.", expected)
    return position + 1


def _record(row: Record, tree: Tree | None, head: Record, found: Found) -> None:
    """Compare one row with the tree, and with itself."""
    position, visit_id = row["position"], row["visit_id"]
    if position > head["position"]:
        found.add("record_beyond_head", f"Position {position} is beyond the head of the log.", position, visit_id)
    if tree and 1 <= position <= tree.size and (entry := tree.entry(position - 1)) is not None:
        if sha256(row["record"]).digest() != entry:
            found.add(
                "record_differs", f"The record at position {position} is not the one in the tree.", position, visit_id
            )
    elif tree and tree.size < position <= head["position"] and head["now"] - row["recorded_at"] > COVERED_WITHIN:
        found.add("record_not_covered", f"No checkpoint covers the record at position {position}.", position, visit_id)
    try:
        record = orjson.loads(row["record"])
    except orjson.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        found.add("record_unreadable", f"The record at position {position} is no JSON object.", position, visit_id)
        return
    if record.get("incarnation") != head["incarnation"]:
        found.add("record_foreign", f"The record at position {position} is of another log.", position, visit_id)
    if difference := compare(row):
        found.add(
            "columns_differ",
            f"At position {position}: {difference.expected}, but {difference.found}.",
            position,
            visit_id,
        )


async def _streams(connection: Connection, head: int, found: Found) -> None:
    """See that the versions of each stream are 1, 2, 3 and on, and come in the order of their positions."""
    stream_id, version, position = "", 0, 0
    streams = 0
    while rows := await connection.fetch(STREAMS, stream_id, version, PAGE):
        for row in rows:
            if row["stream_id"] != stream_id:
                stream_id, version, position = row["stream_id"], 0, 0
                streams += 1
            if row["position"] <= head and (row["version"] != version + 1 or row["position"] <= position):
                found.add(
                    "stream_broken",
                    f"Position {row['position']} has version {row['version']} of its stream, "
                    f"which does not follow version {version} at position {position}.",
                    row["position"],
                )
            version, position = row["version"], row["position"]
    found.checked["streams"] = streams
