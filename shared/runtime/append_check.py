"""Try every few seconds whether this service can append: a clock that can record nothing does not watch, however often it looks.

Appends nothing: an empty command takes the lock, passes every test and leaves no event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.runtime.clock import pause, wall
from shared.runtime.log import Append, By

if TYPE_CHECKING:
    from shared.runtime.sequencer import Sequencer
    from shared.runtime.telemetry import Cycles

EVERY = 3.0
"""Seconds between two tries: three of them fit into the 10 s after which a cycle counts as old."""

LOOP = "clock"
"""The loop whose cycles do not count while nothing can be appended: the others then see that nobody watches."""

log = structlog.get_logger()


class AppendCheck:
    """Tries to append."""

    def __init__(self, sequencer: Sequencer, cycles: Cycles, service: str) -> None:
        """Hold back the clock's cycles in ``cycles`` while ``sequencer`` cannot append."""
        self._sequencer = sequencer
        self._cycles = cycles
        self._by = By(f"system:{service}.append_check", "append_check")

    async def check(self) -> None:
        """Try once. Whatever keeps it from succeeding is logged, and holds back the clock's cycles until it succeeds."""
        try:
            await self._sequencer.append(Append((), self._by, wall()))
        except Exception as error:  # noqa: BLE001 -- a missing function, a privilege, a full disk: all the same here
            log.critical("cannot_append", error=type(error).__name__)
            self._cycles.hold(LOOP)
        else:
            self._cycles.let_go(LOOP)

    async def run(self) -> None:
        """Try until cancelled."""
        while True:
            await self.check()
            await pause(EVERY)
