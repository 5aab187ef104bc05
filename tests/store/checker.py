"""What must hold of every log, read by SQL alone: this imports nothing of ours.

``check_log`` runs after every test that writes (fixture ``admin``); it raises AssertionError, naming the position.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from hashlib import sha256
from typing import Any

import asyncpg

EVENTS = "SELECT * FROM log.event ORDER BY position"
HEAD = "SELECT position, recorded_at, incarnation::text FROM log.head"
COMMANDS = "SELECT first_position, last_position FROM log.command WHERE first_position IS NOT NULL"
STRAY_DEADLINES = "SELECT d.stream_id FROM log.deadline d WHERE d.topic <> ALL (SELECT topic FROM log.owner)"

INSTANTS = frozenset({"occurred_at", "recorded_at"})
"""Columns that stand in the record as text."""

NOT_COPIED = frozenset({"record"})
"""The one column that is no copy of a member of the record."""


async def check_log(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """Check every event of the log; return how many there are."""
    async with connection.transaction():
        head = await connection.fetchrow(HEAD)
        assert head is not None
        versions: defaultdict[str, int] = defaultdict(int)
        position, recorded_at, salts, ids = 0, None, set(), set()
        async for row in connection.cursor(EVENTS, prefetch=2000):
            position += 1
            assert row["position"] == position, f"after {position - 1} comes {row['position']}"
            assert recorded_at is None or row["recorded_at"] >= recorded_at, f"time goes back at {position}"
            recorded_at = row["recorded_at"]
            versions[row["stream_id"]] += 1
            assert row["version"] == versions[row["stream_id"]], f"version at {position}"
            record = check_record(row, head["incarnation"])
            salts.add(record["salt"])
            ids.add(record["event_id"])
        assert head["position"] == position
        assert recorded_at is None or head["recorded_at"] == recorded_at
        assert len(salts) == len(ids) == position, "an id or a salt stands twice"
        for first, last in await connection.fetch(COMMANDS):
            assert 1 <= first <= last <= position
        assert await connection.fetch(STRAY_DEADLINES) == []
    return position


def check_record(row: asyncpg.Record, incarnation: str) -> dict[str, Any]:
    """Compare a record with its columns; return its members."""
    at = row["recorded_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    prefix = f'{{"incarnation":"{incarnation}","position":{row["position"]},"recorded_at":"{at}",'
    assert row["record"].startswith(prefix.encode()), f"prefix at {row['position']}"
    record: dict[str, Any] = json.loads(row["record"])
    columns = {name: value for name, value in row.items() if name not in NOT_COPIED}
    members = {name: datetime.fromisoformat(record[name]) if name in INSTANTS else record[name] for name in columns}
    assert members == columns, f"columns at {row['position']}"
    assert record.keys() == columns.keys() | {"incarnation", "data", "salt"}
    subject = (row["visit_id"] or row["stream_id"]).encode()
    assert row["shard"] == int.from_bytes(sha256(subject).digest()[:8], "big") % 64, f"shard at {row['position']}"
    return record
