"""Who publishes a topic, how far it is published, and what comes next: the relay's side of the log.

Calls functions of the log and nothing else; knows nothing of Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.contracts.carried import Place, headers_of
from shared.runtime.records import instant

if TYPE_CHECKING:
    import asyncpg

    from shared.runtime.postgres import Pool

LASTS = timedelta(seconds=5)
"""How long a lease holds: several renewals may fail, and another replica publishes soon after the holder is gone. Until
then followers read the log."""

SPAN = 10_000
"""Positions in one look: a relay that is far behind reads no more at once than a look may take."""

# Take or prolong the lease.
LEASE = "SELECT * FROM log.lease_relay($1, $2)"

# Move the cursor, with the offsets acknowledged on the way.
MOVE = "SELECT log.move_relay($1, $2, $3, $4)"

# Begin a generation.
RESTART = "SELECT log.restart_relay($1)"

# Give the lease back.
RELEASE = "SELECT log.release_relay($1)"

# What each partition has acknowledged.
OFFSETS = "SELECT partition, next_offset FROM log.relay_offset WHERE topic = $1"

# What comes next.
READ = "SELECT * FROM log.read_relay($1, $2, $3)"


@dataclass(frozen=True)
class Held:
    """The lease as the log last knew it, and whether it is this process's."""

    held: bool
    epoch: int
    generation: int
    position: int
    head: int
    oldest: timedelta
    """Age of the oldest record not published; nothing where there is none."""


@dataclass(frozen=True)
class Outgoing:
    """A record as it goes to its topic."""

    position: int
    shard: int
    type: str
    key: str
    correlation_id: str
    headers: Mapping[str, str]
    record: bytes


@dataclass(frozen=True)
class Page:
    """What comes next, up to a position: all of the topic's records to there are in it."""

    records: tuple[Outgoing, ...]
    upto: int
    head: int


class Lease:
    """The lease of one service's topic, for one process."""

    def __init__(self, pool: Pool, service: str, topic: str, holder: str) -> None:
        """Hold it as ``holder``: a name that no other process has, nor this one after a new start."""
        self._pool = pool
        self._service = service
        self._topic = topic
        self._holder = holder

    async def take(self) -> Held:
        """Take or prolong the lease where it is free, run out or ours."""
        row = await self._pool.fetchrow(LEASE, self._holder, LASTS)
        assert row is not None  # noqa: S101 -- the function returns a row
        return Held(**row)

    async def offsets(self) -> dict[int, int]:
        """Return the offset after the last acknowledged one of each partition."""
        return {row["partition"]: row["next_offset"] for row in await self._pool.fetch(OFFSETS, self._topic)}

    async def move(self, epoch: int, position: int, offsets: Mapping[int, int]) -> bool:
        """Move the cursor forward; False where another process publishes by now."""
        moved: bool = await self._pool.fetchval(MOVE, epoch, position, list(offsets), list(offsets.values()))
        return moved

    async def restart(self, epoch: int) -> bool:
        """Begin a generation at position 0; False where another process publishes by now."""
        restarted: bool = await self._pool.fetchval(RESTART, epoch)
        return restarted

    async def release(self, epoch: int) -> None:
        """Let another replica have the lease at once."""
        await self._pool.execute(RELEASE, epoch)

    async def read(self, after: int, most: int) -> Page:
        """Return up to ``most`` records behind a position."""
        rows = await self._pool.fetch(READ, after, most, SPAN)
        head = rows[0]["head"]
        records = tuple(self._outgoing(row) for row in rows if row["position"] is not None)
        upto = records[-1].position if len(records) == most else max(after, min(head, after + SPAN))
        return Page(records, upto, head)

    def _outgoing(self, row: asyncpg.Record) -> Outgoing:
        key = row["visit_id"] or row["stream_id"]
        recorded_at: datetime = row["recorded_at"]
        place = Place(row["position"], row["shard"], row["incarnation"], row["predecessor"] or 0)
        said = headers_of(
            place, row["event_id"], row["type"], row["stream_id"], instant(recorded_at), self._service, key
        )
        headers = {name: value.decode() for name, value in said}
        return Outgoing(row["position"], row["shard"], row["type"], key, row["correlation_id"], headers, row["record"])
