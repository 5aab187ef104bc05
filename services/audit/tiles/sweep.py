"""Read the whole log again and again, slowly, and compare it with the tree: what is old must be as it was signed.

Compares records, columns, entries, tiles and the root; changes nothing.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.audit.domain.tree.growing import Edge, grow
from services.audit.domain.tree.tiles import WIDTH
from services.audit.tiles.folder import Folder, NoTreeError
from services.audit.tiles.keeping import CHECK
from shared.runtime.clock import monotonic, pause
from shared.runtime.columns_check import compare
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.runtime.self_checks import Difference
from shared.trouble import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

BETWEEN = 5.0
"""Seconds before a sweep begins, the first one and the next: a small log needs no reading all day."""

# The records of some positions with their columns, in order. Uses the primary key (position).
RECORDS = """
SELECT position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
FROM log.event WHERE position BETWEEN $1 AND $2 ORDER BY position
"""

# Records that stand outside the log's own positions. Uses the primary key (position).
STRAY = """
SELECT position FROM log.event WHERE position < 1
UNION ALL SELECT position FROM log.event WHERE position > (SELECT position FROM log.head) ORDER BY position LIMIT 10
"""

log = structlog.get_logger()


class Sweep:
    """Reads one log for ever, at a stated share of a core at most."""

    def __init__(self, pool: Pool, folder: Folder, troubles: Troubles, share: float) -> None:
        """Read records by ``pool``, tiles from ``folder``."""
        self._pool, self._folder, self._troubles, self._share = pool, folder, troubles, share
        self._said: set[Difference] = set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await pause(BETWEEN)
            try:
                await self.once()
            except (NoTreeError, Unavailable, asyncpg.PostgresError, *LOST) as error:
                log.warning("sweep_interrupted", error=type(error).__name__)
            except Exception:  # the sweep must not end a service that tells timelines
                log.exception("sweep_failed")

    async def once(self) -> None:
        """Read the log once, up to the checkpoint of the beginning, and say what differs."""
        checkpoint, edge = self._folder.checkpoint(), Edge()
        for number in range(-(-checkpoint.size // WIDTH)):
            began = monotonic()
            edge, found = await self._bundle(number, checkpoint.size, edge)
            await self._say(found)
            worked = monotonic() - began
            await pause(worked / self._share - worked)
        stray = [
            Difference(f"position-{row['position']}", "no record", "one outside the log")
            for row in await self._pool.fetch(STRAY)
        ]
        await self._say(stray)
        if edge.root() != checkpoint.root:
            await self._say([Difference("root", f"the root signed at {checkpoint.size}", "another one in the tiles")])
        log.info("sweep_ended", records=checkpoint.size)

    async def _bundle(self, number: int, size: int, edge: Edge) -> tuple[Edge, Sequence[Difference]]:
        """Compare the records of one bundle; return the edge of the tree after it, and what differs."""
        first = number * WIDTH + 1
        last = min(first + WIDTH - 1, size)
        rows = {row["position"]: row for row in await self._pool.fetch(RECORDS, first, last)}
        try:
            entries = await asyncio.to_thread(self._folder.entries, number, size)
        except (NoTreeError, ValueError):
            return edge, [Difference(f"position-{first}", "the entries that were signed", "a bundle that is damaged")]
        found = [
            difference
            for position, entry in enumerate(entries, first)
            if (difference := _compared(position, rows.get(position), entry)) is not None
        ]
        grown = grow(edge, entries)
        found += [
            Difference(f"position-{first}", f"{path} as its entries make it", "another one")
            for path, content in grown.full.items()
            if not self._has(path, content)
        ]
        return grown.edge, found

    def _has(self, path: str, content: bytes) -> bool:
        try:
            return self._folder.read(path) == content
        except NoTreeError:
            return False

    async def _say(self, found: Sequence[Difference]) -> None:
        """Say each difference once: it is there at the next sweep, too."""
        for one in found:
            if one in self._said:
                continue
            log.critical("sweep_differs", place=one.place)
            command = SelfCheck(
                service=self._troubles.service,
                check=CHECK,
                place=one.place,
                expected=one.expected,
                found=one.found,
                mended=False,
            )
            await self._troubles.record(one.place, command)
            self._said.add(one)


def _compared(position: int, row: Record | None, entry: bytes) -> Difference | None:
    """Compare a record with its entry, and with its own columns."""
    place = f"position-{position}"
    if row is None:
        return Difference(place, "the record that was signed", "none")
    if sha256(row["record"]).digest() != entry:
        return Difference(place, "the record that was signed", "another one")
    return compare(row)
