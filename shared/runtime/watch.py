"""Whether Lonewatch watches at this moment, as one process knows it, and what it says when it does not.

Looks at the finished cycles in the log; decides nothing about any visit, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from shared.runtime.clock import monotonic, pause
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection, Pool

FRESH = timedelta(seconds=10)
"""How old a finished cycle or a record not yet applied may be: as long as a missed check-in may wait for its alarm."""

UNREAD = 5.0
"""Seconds without a look at the log after which nobody here knows whether anybody watches. Two looks may fail."""

REFRESH_EVERY = 1.0
"""Seconds between two looks: one small SELECT a process."""

ALARM_LOOPS = {"feed": "followed the log", "clock": "looked at its deadlines"}
"""The loops without which a service takes no part in the watch, and what each of them does."""

# The age of the newest finished cycle of each service and loop, over all its replicas. The table has a row for each loop.
# What finished later than now was written before the clock was put back, and says nothing of anybody who is there.
NEWEST = """
SELECT service, loop, extract(epoch FROM clock_timestamp() - max(finished_at))::float8 AS age FROM log.cycle
WHERE service = ANY ($1) AND loop = ANY ($2) AND finished_at < clock_timestamp() + interval '2 seconds'
GROUP BY service, loop
"""


class ImpairedError(Exception):
    """Nobody can be watched over at this moment, so nothing that needs a watch is begun."""


@dataclass(frozen=True)
class Impairment:
    """That the watch is impaired: why, and whom to ring instead."""

    why: tuple[str, ...]
    ring: str

    def shown(self) -> Mapping[str, Any]:
        """Return it as an answer says it."""
        return {"impaired": True, "why": list(self.why), "ring": self.ring}


async def stale(pool: Pool | Connection, services: Sequence[str]) -> tuple[str, ...]:
    """Say which of these services have not finished their work lately in any replica. Raises what is in LOST."""
    rows = await pool.fetch(NEWEST, services, list(ALARM_LOOPS))
    ages = {(row["service"], row["loop"]): row["age"] for row in rows}
    return tuple(
        _sentence(service, does, ages.get((service, loop)))
        for service in services
        for loop, does in ALARM_LOOPS.items()
        if ages.get((service, loop), FRESH.total_seconds() + 1) > FRESH.total_seconds()
    )


def _sentence(service: str, does: str, age: float | None) -> str:
    return f"{service} has never {does}" if age is None else f"{service} has not {does} for {age:.0f} s"


class Watch:
    """Knows whether every service of the alarm chain finished its work lately."""

    def __init__(self, pool: Pool, services: Sequence[str], ring: str) -> None:
        """Watch over these services; whoever is told of an impairment is told to ``ring`` somebody."""
        self.ring = ring
        self._pool = pool
        self._services = services
        self._stale: tuple[str, ...] = ()
        self._read_at: float | None = None

    async def refresh(self) -> None:
        """Look once. A look that fails changes nothing but that the last one grows old."""
        try:
            self._stale = await stale(self._pool, self._services)
            self._read_at = monotonic()
        except (asyncpg.PostgresError, *LOST):
            pass  # the age of the last look says so

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self.refresh()
            await pause(REFRESH_EVERY)

    @property
    def impairment(self) -> Impairment | None:
        """What is wrong with the watch now; None while all is well. A process that was stopped does not trust its last look."""
        if self._read_at is None or monotonic() - self._read_at > UNREAD:
            return Impairment(("the log cannot be read",), self.ring)
        return Impairment(self._stale, self.ring) if self._stale else None

    def require(self) -> None:
        """Raise ImpairedError while the watch is impaired."""
        if self.impairment is not None:
            raise ImpairedError
