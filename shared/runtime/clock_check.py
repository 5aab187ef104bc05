"""Compare this process's own clock with the log's. Decides nothing by either: ``log.now()`` goes on to judge.

A clock that differs means that times in this machine's own lines and links cannot be trusted, or that the database's
clock is wrong, by which every deadline is judged.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import structlog

from shared.runtime import clock
from shared.runtime.clock import monotonic, pause
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.trouble import ClockAgrees, ClockDiffers

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

APART = timedelta(seconds=2)
"""How far apart two clocks may be, beyond the time that the question took: a fifth of what an alarm may take."""

EVERY = 5.0
"""Seconds between two comparisons."""

IN_A_ROW = 2
"""Comparisons that must differ before it is said: one alone may have met a process that was stopped meanwhile."""

# The database's own clock, which log.now() returns outside tests.
DATABASE_CLOCK = "SELECT clock_timestamp()"

log = structlog.get_logger()


class ClockCheck:
    """Compares two clocks and says once that they differ, and once that they agree again."""

    def __init__(self, pool: Pool, troubles: Troubles, replica: str, wall: Callable[[], datetime] = clock.wall) -> None:
        """Compare ``wall`` with the clock of the server behind ``pool``."""
        self._pool = pool
        self._troubles = troubles
        self._replica = replica
        self._wall = wall
        self._differed = 0
        self._said: bool | None = None

    async def run(self) -> None:
        """Compare every 5 s until cancelled."""
        while True:
            try:
                await self.look()
            except (asyncpg.PostgresError, Unavailable, *LOST):
                pass  # said by the loops themselves
            except Exception:  # this must not end a service that watches
                log.exception("clock_check_failed")
            await pause(EVERY)

    async def look(self) -> None:
        """Compare once. Raises what an append raises."""
        began = monotonic()
        theirs: datetime = await self._pool.fetchval(DATABASE_CLOCK)
        ours = self._wall()
        took = timedelta(seconds=monotonic() - began)
        ahead = ours - theirs - took / 2
        self._differed = self._differed + 1 if abs(ahead) > APART + took else 0
        differs = self._differed >= IN_A_ROW
        if differs == self._said or (self._differed and not differs):
            return
        service = self._troubles.service
        if differs:
            seconds = round(ahead.total_seconds(), 1)
            await self._troubles.record(self._replica, ClockDiffers(service, self._replica, seconds))
        else:
            await self._troubles.record(self._replica, ClockAgrees(service, self._replica))
        self._said = differs
