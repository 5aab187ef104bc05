"""Let the tree follow the log: read what is above it in position order, and commit that. Says nothing to anybody.

Positions have no gap, and the last entry of the tree must be the record at its position, or nothing is signed any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.audit.domain.tree.checkpoint import origin_of
from services.audit.domain.tree.growing import Edge, grow
from services.audit.tiles.refusing import DamagedError, RefusedError
from services.audit.tiles.store import Held, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.audit.domain.tree.checkpoint import Checkpoint
    from shared.runtime.postgres import Pool

PAGE = 16_384
"""Records of one checkpoint at most: the server hashes so many of the longest within the 3 s of a statement."""

# Which log this is, and how far it goes.
HEAD = "SELECT incarnation::text AS incarnation, position FROM log.head"

# The entries of some positions in order, and no record itself. Uses the primary key (position).
ENTRIES = """
SELECT position, sha256(record) AS entry FROM log.event WHERE position BETWEEN $1 AND $2 ORDER BY position
"""


class Sequencer:
    """Grows the tree in one folder by the records of one log."""

    def __init__(self, pool: Pool, store: Store, name: str) -> None:
        """Read by ``pool``, write to ``store``; trees are called ``name/<incarnation>``."""
        self._pool, self._store, self._name = pool, store, name
        self.head = 0
        """The last position of the log at the last look."""

    async def advance(self) -> Held:
        """Bring the tree to the head of the log, page by page, and return it.

        Raises RefusedError, BusyError, MovedError, and what speaks of the log's server or of the disk.
        """
        head = await self._pool.fetchrow(HEAD)
        if head is None:
            raise RefusedError("log", "a log with a head", "none")
        incarnation, self.head = head["incarnation"], head["position"]
        held = await self._held(incarnation)
        if held is None or held.checkpoint.incarnation != incarnation:
            held = await self._begun(held, incarnation)
        if held.checkpoint.origin != origin_of(self._name, incarnation):
            raise RefusedError("name", held.checkpoint.origin, origin_of(self._name, incarnation))
        if self.head < held.checkpoint.size:
            raise RefusedError("length", f"a log of {held.checkpoint.size} records, as was signed", f"{self.head}")
        while True:
            size = held.checkpoint.size
            entries = await self._entries(max(size, 1), min(size + PAGE, self.head))
            if size and entries[0] != await asyncio.to_thread(self._last, held):
                raise RefusedError(f"position-{size}", "the record that was signed there", "another one")
            entries = entries[1:] if size else entries
            if not entries:
                return held
            grown = await asyncio.to_thread(grow, held.edge, entries)
            files = {**grown.full, **grown.edge.partial()}
            held = await asyncio.to_thread(self._store.grow, held, grown.edge, files)

    async def _held(self, incarnation: str) -> Held | None:
        try:
            return await asyncio.to_thread(self._store.open)
        except DamagedError as damaged:
            if damaged.checkpoint.incarnation != incarnation:
                raise RefusedError("former", "the whole tree of the log before this one", "a damaged one") from None
            return await self._again(damaged.checkpoint)

    async def _again(self, committed: Checkpoint) -> Held:
        """Make the tree that was committed again, out of the log. Raises RefusedError where that gives another root."""
        edge, read = Edge(), 0
        while read < committed.size:
            entries = await self._entries(read + 1, min(read + PAGE, committed.size))
            grown = await asyncio.to_thread(grow, edge, entries)
            await asyncio.to_thread(self._store.restage, committed, grown.full)
            edge, read = grown.edge, read + len(entries)
        if edge.root() != committed.root:
            raise RefusedError("root", f"the records that were signed up to position {committed.size}", "others")
        await asyncio.to_thread(self._store.restage, committed, self._store.with_key(committed.origin, edge.partial()))
        return await asyncio.to_thread(self._store.restore)

    async def _begun(self, before: Held | None, incarnation: str) -> Held:
        """Begin the tree of a log that has none. Raises RefusedError for a log that was left for another one before."""
        if self._store.former(incarnation).exists():
            raise RefusedError("incarnation", f"the log {before.checkpoint.incarnation if before else ''}", incarnation)
        return await asyncio.to_thread(self._store.begin, before, origin_of(self._name, incarnation))

    async def _entries(self, first: int, last: int) -> Sequence[bytes]:
        """Return the entries of some positions. Raises RefusedError where one is missing."""
        rows = await self._pool.fetch(ENTRIES, first, last)
        for expected, row in zip(range(first, last + 1), rows, strict=False):
            if row["position"] != expected:
                raise RefusedError(f"position-{expected}", "a record", "none")
        if len(rows) < last - first + 1:
            raise RefusedError(f"position-{first + len(rows)}", "a record", "none")
        return [row["entry"] for row in rows]

    def _last(self, held: Held) -> bytes:
        """Return the last entry of the tree, by which the log is recognised."""
        return held.edge.entries[-1] if held.edge.entries else self._store.folder.entry(held.checkpoint.size - 1)
