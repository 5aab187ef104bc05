"""What a service says of itself: one line per unit of work, metrics, and the cycles that it has finished.

No line holds a name, a number or an address. Of an error only its type and where it arose are written: its text may
carry what somebody sent.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.runtime.clock import monotonic, pause
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from shared.runtime.postgres import Pool

REGISTRY = CollectorRegistry()
COMMANDS = Counter(
    "lonewatch_commands_total", "Commands by what became of them", ["command", "outcome"], registry=REGISTRY
)
COMMAND_SECONDS = Histogram("lonewatch_command_seconds", "From load to commit", ["command"], registry=REGISTRY)
FAILURES = Counter(
    "lonewatch_cycle_failures_total", "Records or deadlines whose handling failed", ["loop"], registry=REGISTRY
)
CYCLE_AGE = Gauge("lonewatch_cycle_age_seconds", "Since a loop last finished a cycle", ["loop"], registry=REGISTRY)
FEED_AGE = Gauge("lonewatch_feed_oldest_seconds", "Age of the oldest record not yet applied", registry=REGISTRY)
FED = Counter(
    "lonewatch_feed_applied_total",
    "Records applied or passed over: by topic, by log although the topic is followed, by log_alone",
    ["consumer", "topic", "via"],
    registry=REGISTRY,
)

NOT_FOLLOWED = Counter(
    "lonewatch_feed_not_followed_total",
    "Messages on topics that are no records of this log: not_ours, of another incarnation, or unreadable",
    ["topic", "why"],
    registry=REGISTRY,
)

_WRITE_EVERY = 1.0
"""Seconds between two writes of finished cycles: ten of them fit into what counts as fresh."""

_LATELY = 2 * _WRITE_EVERY
"""Seconds after which a finished cycle is not written any more: a process that was stopped must not say, when it goes on,
that it has just looked."""

_FIRST = 0.1
"""Seconds between two looks for a first finished cycle: at a start somebody waits for it."""

# Say that loops have finished a cycle.
FINISH_CYCLES = "SELECT log.finish_cycles($1, $2)"


def _places_only(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places it came through."""
    given = line.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is not None:
        line["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        line["at"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return line


def configure_logging(service: str, replica: str) -> None:
    """Write JSON lines to standard error; libraries' own loggers only from WARNING, without their texts' arguments."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _places_only,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda line, **_: orjson.dumps(line, default=repr).decode()),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at a time, in one write
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, replica=replica)
    logging.basicConfig(level=logging.CRITICAL)


class Cycles:
    """Remembers when each loop of this process last finished, and writes it to the log."""

    def __init__(self, pool: Pool, replica: str) -> None:
        """Write for this replica."""
        self._pool = pool
        self._replica = replica
        self._finished: dict[str, float] = {}
        self._held: set[str] = set()

    def finish(self, loop: str) -> None:
        """Say that a loop has finished a cycle now, unless its cycles are held back."""
        if loop not in self._held:
            self._finished[loop] = monotonic()

    def hold(self, loop: str) -> None:
        """Let no cycle of a loop count until ``let_go``: it looks, and what it finds cannot be recorded."""
        self._held.add(loop)

    def let_go(self, loop: str) -> None:
        """Let the cycles of a loop count again."""
        self._held.discard(loop)

    def failed(self, loop: str) -> None:
        """Count a record or deadline whose handling failed."""
        FAILURES.labels(loop).inc()

    def ages(self) -> dict[str, float]:
        """Return the seconds since each loop finished."""
        now = monotonic()
        return {loop: now - finished for loop, finished in self._finished.items()}

    async def run(self) -> None:
        """Write what has finished, every second and in one call, until cancelled."""
        written: dict[str, float] = {}
        while True:
            now = monotonic()
            finished = {loop: at for loop, at in self._finished.items() if written.get(loop) != at}
            for loop, at in self._finished.items():
                CYCLE_AGE.labels(loop).set(now - at)
            lately = [loop for loop, at in finished.items() if now - at < _LATELY]
            if lately:
                with suppress(
                    asyncpg.PostgresError, *LOST
                ):  # said by the loops themselves; it must not end the service
                    await self._pool.execute(FINISH_CYCLES, self._replica, lately)
                    written |= finished
            await pause(_WRITE_EVERY if written else _FIRST)
