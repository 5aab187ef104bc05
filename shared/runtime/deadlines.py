"""The clock of a service: claims what is due, and proposes the command that each deadline stands for.

No deadline lives in this process: a row in PostgreSQL is claimed by whoever looks first, the decider tests it again, and
the version of the stream decides. A process that dies leaves its claim to run out. A handler that fails three times is
recorded as a trouble, and goes on being tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from shared.contracts.envelope import Newer
from shared.runtime.clock import monotonic, pause
from shared.runtime.consumers import MOST_LOST, NEVER_THE_RECORDS, NOT_THE_RECORDS
from shared.runtime.failing import Failing
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

POLL_EVERY = 0.25
"""Seconds between two looks at what is due."""

CLAIM = timedelta(seconds=3)
"""How long a claim lasts: longer than any honest handler, shorter than the 10 s that a missed check-in may wait."""

MOST_CLAIMED = 200
"""Deadlines claimed at one look: what is claimed must be handled within the claim."""

MOST_RUNNING = 1000
"""Handlers at work at once. Above it nothing is claimed and the cycle does not count as finished, which readiness shows: a
provider that hangs cannot fill the memory unnoticed."""

AGAIN_AFTER = (0.3, 0.6)
"""Seconds before a handler that failed is tried again: both within the claim, and what passes by itself has passed by then."""

_LEFT_TO_NEWER = (CLAIM + timedelta(seconds=2)).total_seconds()
"""Seconds for which a deadline is left to a replica of a later release: until our claim has run out, and a while."""

_KNOWN = 60.0
"""Seconds after which it is forgotten that a deadline was left to a later release, or that the system seemed to fail it."""

# Claim due deadlines of this role's topic, of the kinds that this release knows, oldest first, of all streams but some.
# Uses deadline_due (topic, due_at).
CLAIM_DUE = "SELECT * FROM log.claim_deadlines($1, $2, $3, $4)"

log = structlog.get_logger()


@dataclass(frozen=True)
class Due:
    """A deadline that is due: its stream, what it stands for, and since when."""

    stream_id: str
    kind: str
    subject: str
    due_at: datetime


OnDue = Callable[[Due], Awaitable[None]]


class Deadlines:
    """Polls the deadlines of one service."""

    def __init__(
        self,
        pool: Pool,
        handlers: Mapping[str, OnDue],
        cycles: Cycles,
        troubles: Troubles,
        before_claiming: Callable[[], Awaitable[None]],
    ) -> None:
        """Handle each kind of deadline by its handler; ``before_claiming`` says first that the service was away."""
        self._pool = pool
        self._handlers = handlers
        self._cycles = cycles
        self._before_claiming = before_claiming
        self._failing = Failing(pool, troubles)
        self._running: dict[Due, asyncio.Task[None]] = {}
        self._newer: dict[Due, float] = {}
        """When each deadline was met whose stream a later release wrote in."""
        self._lost: dict[Due, tuple[int, float]] = {}
        """How often in a row the handler of each failed as if the system did, and when last."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            claimed = 0
            try:
                if len(self._running) < MOST_RUNNING:
                    claimed = await self._look()
                    self._cycles.finish("clock")
            except LOST as error:
                log.warning("clock_cannot_read", error=type(error).__name__)
            if claimed < MOST_CLAIMED:
                await pause(POLL_EVERY)

    async def _look(self) -> int:
        """Claim what is due and start its handlers; none waits for another, and none runs here twice at once."""
        await self._before_claiming()
        await self._failing.refresh()
        rows = await self._pool.fetch(CLAIM_DUE, list(self._handlers), MOST_CLAIMED, CLAIM, self._left_to_newer())
        if rows:
            await self._before_claiming()  # this process may have been stopped in the middle
        for row in rows:
            due = Due(row["stream_id"], row["kind"], row["subject"], row["due_at"])
            if due not in self._running:
                task = self._running[due] = asyncio.create_task(self._handle(due))
                task.add_done_callback(partial(self._ended, due))
        return len(rows)

    def _ended(self, due: Due, _: asyncio.Task[None]) -> None:
        del self._running[due]

    def _left_to_newer(self) -> list[str]:
        """Return the streams whose deadlines a replica of a later release may take yet."""
        now = monotonic()
        self._newer = {due: at for due, at in self._newer.items() if now - at < _KNOWN}
        self._lost = {due: (count, at) for due, (count, at) in self._lost.items() if now - at < _KNOWN}
        return [due.stream_id for due, at in self._newer.items() if now - at < _LEFT_TO_NEWER]

    async def drain(self) -> None:
        """Wait for the handlers at work."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _handle(self, due: Due) -> None:
        """Propose the command of one deadline, a few times. A failure leaves the row; it is claimed again later."""
        waits = () if self._failing.knows(due) else AGAIN_AFTER
        for wait in (*waits, None):
            try:
                await self._handlers[due.kind](due)
            except NOT_THE_RECORDS as error:
                self._failed(
                    due, error
                )  # the log is away, or others were first: once, it says nothing of this deadline
                await self._lost_again(due, error)
                return
            except Newer as error:
                self._failed(due, error)
                known = due in self._newer
                self._newer[due] = monotonic()
                if known:  # it was left alone, and nobody took it
                    await self._say(self._failing.failed(due, error))
                return
            except Exception as error:  # noqa: BLE001 -- one deadline must not stop the others
                self._failed(due, error)
                if wait is None:
                    await self._say(self._failing.failed(due, error))
                else:
                    await pause(wait)
            else:
                self._newer.pop(due, None)
                self._lost.pop(due, None)
                await self._say(self._failing.recovered(due))
                return

    async def _lost_again(self, due: Due, error: Exception) -> None:
        """Say that a deadline fails which looks, claim after claim, as if the system did: it could be claimed each time."""
        if not isinstance(error, NEVER_THE_RECORDS):
            count, _ = self._lost.get(due, (0, 0.0))
            self._lost[due] = (count + 1, monotonic())
            if count + 1 >= MOST_LOST:
                await self._say(self._failing.failed(due, error))

    def _failed(self, due: Due, error: Exception) -> None:
        self._cycles.failed("clock")
        log.error("deadline_failed", stream_id=due.stream_id, kind=due.kind, exc_info=error)

    async def _say(self, saying: Awaitable[None]) -> None:
        """Record what became of a deadline. What cannot be recorded is said again at the next claim."""
        try:
            await saying
        except Exception:
            self._cycles.failed("clock")
            log.exception("trouble_not_recorded")
