"""Compare our own accounts of one thing, every 30 s and a bounded number of them, and say where they differ.

What is compared stands elsewhere: the newest records and their columns (``columns_check``), deadlines and the histories
that they follow from (``deadline_check``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shared.runtime.clock import pause
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.trouble import SelfCheck

if TYPE_CHECKING:
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

EVERY = 30.0
"""Seconds between two looks: what is found is rare, and the look must not be felt."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Difference:
    """Two accounts of one thing that differ. Names places and ids, and nothing of anybody."""

    place: str
    expected: str
    found: str
    mended: bool = False
    visit_id: str | None = None
    site_id: str | None = None


@dataclass(frozen=True)
class Check:
    """One comparison: a word for it, and a look that returns what differs."""

    name: str
    look: Callable[[], Awaitable[Sequence[Difference]]]


class SelfChecks:
    """Runs the checks of one service."""

    def __init__(self, troubles: Troubles, checks: Sequence[Check], cycles: Cycles) -> None:
        """Say what ``checks`` find in the service's trouble streams."""
        self._troubles = troubles
        self._checks = checks
        self._cycles = cycles
        self._unsaid: list[tuple[str, Difference]] = []

    async def run(self) -> None:
        """Look every 30 s until cancelled."""
        while True:
            await self.look()
            await pause(EVERY)

    async def look(self) -> None:
        """Make every check once. One that fails holds up no other, and what could not be said is said at a later look."""
        finished = await self._say_all("unsaid")
        for check in self._checks:
            try:
                self._unsaid += [(check.name, found) for found in await check.look()]
            except (Unavailable, *LOST):
                log.warning("self_check_lost_the_log", check=check.name)
                finished = False
            except Exception:  # a check must not end a service that watches
                self._cycles.failed("self_checks")
                log.exception("self_check_failed", check=check.name)
            finished = await self._say_all(check.name) and finished
        if finished:
            self._cycles.finish("self_checks")

    async def _say_all(self, check: str) -> bool:
        """Say what was found and not said yet: no check finds it a second time. Return whether the log took it."""
        for name, found in tuple(self._unsaid):
            try:
                await self._say(name, found)
            except (Unavailable, *LOST):
                log.warning("self_check_lost_the_log", check=check)
                return False
            except Exception:  # one that cannot be said keeps no other from being said
                self._cycles.failed("self_checks")
                log.exception("self_check_not_said", check=name)
            else:
                self._unsaid.remove((name, found))
        return True

    async def _say(self, name: str, found: Difference) -> None:
        log.critical("self_check_differs", check=name, place=found.place, mended=found.mended)
        said = SelfCheck(
            service=self._troubles.service,
            check=name,
            place=found.place,
            expected=found.expected,
            found=found.found,
            mended=found.mended,
            visit_id=found.visit_id,
            site_id=found.site_id,
        )
        await self._troubles.record(found.place, said, visit_id=found.visit_id, site_id=found.site_id)
