"""Load for all who wait at the same moment by one look at the log: each gets what a look of its own would have given.

Decides nothing. What goes wrong with one of them is answered to its caller alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.runtime.log import WHOLE, Loaded, Outside, loaded_from
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from shared.runtime.postgres import Pool

MOST_AT_ONCE = 64
"""Loads in one look: above it a look gains little, and its callers wait longer."""

LOOKS = 2
"""Looks under way at once: while one is answered the next one is asked, and most connections stay free for other work."""

# Now, the records of some streams and the outcomes of known ids, for several commands, in one look.
LOAD_MANY = "SELECT * FROM log.load_many($1, $2, $3, $4, $5)"


@dataclass(eq=False)
class _Asked:
    streams: Sequence[str | None]
    tails: Sequence[int]
    outside: Outside | None
    rows: asyncio.Future[Sequence[asyncpg.Record]]


@dataclass(eq=False)
class Loads:
    """Loads for the commands of one process."""

    pool: Pool
    _waiting: deque[_Asked] = field(default_factory=deque)
    _free: int = LOOKS
    """How many more looks may be under way. Whoever ends one says so before anybody else can come to wait for it."""
    _looking: set[asyncio.Task[None]] = field(default_factory=set)

    async def load(
        self, stream_ids: Sequence[str], outside: Outside | None = None, tails: Mapping[str, int] = WHOLE
    ) -> Loaded:
        """Load as ``log.load`` does, and raise what it raises."""
        wanted: list[str | None] = list(dict.fromkeys(stream_ids)) or [None]
        rows: asyncio.Future[Sequence[asyncpg.Record]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(wanted, [tails.get(stream or "", 0) for stream in wanted], outside, rows))
        if self._free > 0:
            self._free -= 1
            task = asyncio.create_task(self._look())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        return loaded_from(await rows, outside)

    async def _look(self) -> None:
        """Ask for all who wait until nobody does."""
        try:
            while self._waiting:
                await self._ask([self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))])
        finally:
            self._free += 1  # nothing is awaited since nobody was found waiting

    async def _ask(self, batch: Sequence[_Asked]) -> None:
        """Ask for some at once; one by one where the log refuses them together."""
        try:
            rows = await self.pool.fetch(LOAD_MANY, *_arguments(batch))
        except asyncio.CancelledError:
            for asked in batch:
                asked.rows.cancel()  # the service ends: nobody is left waiting
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is its caller's
            if len(batch) == 1 or isinstance(error, LOST):
                for asked in batch:
                    with suppress(asyncio.InvalidStateError):
                        asked.rows.set_exception(error)
                return
            for asked in batch:
                await self._ask([asked])
            return
        found: list[list[asyncpg.Record]] = [[] for _ in batch]
        for row in rows:
            found[row["command"]].append(row)
        for asked, its in zip(batch, found, strict=True):
            with suppress(asyncio.InvalidStateError):
                asked.rows.set_result(its)


def _arguments(
    batch: Sequence[_Asked],
) -> tuple[list[int], list[str | None], list[int], list[str | None], list[str | None]]:
    """Return the five arguments of ``log.load_many``: a place in each for every stream of every command."""
    places = [(number, one) for number, one in enumerate(batch) for _ in one.streams]
    return (
        [number for number, _ in places],
        [stream for one in batch for stream in one.streams],
        [tail for one in batch for tail in one.tails],
        [one.outside.source if one.outside else None for _, one in places],
        [one.outside.id if one.outside else None for _, one in places],
    )
