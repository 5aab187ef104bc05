"""Who appends in these tests: a role with its own pool and sequencer, and the smallest events there are.

Decides nothing: every test says itself what it writes and what it expects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.contracts.accounts import TokenIssued
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import Event
from shared.contracts.notifications import NotReached
from shared.decider import Deadline
from shared.runtime.commands import Commands
from shared.runtime.log import Append, By, Cause, Outcome, Outside, Write
from shared.runtime.postgres import open_pool
from shared.runtime.sequencer import Sequencer
from shared.runtime.troubles import Troubles

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When everything in these tests was decided; the log has its own time."""

BY = By(actor="worker:w1", correlation_id="corr-1")
"""Whoever does it; nothing here depends on it."""

RELEASE = "test"
"""What every event of these tests says it was written by."""


def fact(number: int = 1) -> Event:
    """Return a small event of checkin, for streams of a worker or of a visit."""
    return TokenIssued(worker_id="w1", token_id=f"t{number}")


def reached_nobody(notification_id: str) -> Event:
    """Return a small event of notifier, for streams of a notification."""
    return NotReached(
        notification_id=notification_id,
        recipient_id="w1",
        escalation_id=None,
        kind="reminder",
        ladder_no=None,
        step=None,
        reason="none",
    )


def disclosed(visit_id: str) -> Event:
    """Return a small event of audit, for streams of a disclosure."""
    return TimelineDisclosed(subject_id=visit_id, to="w1", through=1)


def to(stream_id: str, version: int = 0, events: int = 1, *deadlines: Deadline, visit_id: str | None = None) -> Write:
    """Write some facts to a stream that has ``version``, and leave these deadlines."""
    facts = [fact(version + number) for number in range(1, events + 1)]
    return Write(stream_id, version, facts, deadlines, visit_id=visit_id)


def outside(id_: str, content: bytes = b"content") -> Outside:
    """Come from outside by an id, with a hash of what was sent."""
    return Outside("phones", id_, content)


@dataclass(frozen=True)
class Writer:
    """A role that appends, as one process of its service does."""

    pool: Pool
    sequencer: Sequencer
    service: str = "checkin"

    @property
    def troubles(self) -> Troubles:
        """The trouble streams of the role's service."""
        return Troubles(self.commands, self.service)

    @property
    def commands(self) -> Commands:
        """The loop that loads, decides and appends."""
        return Commands(self.pool, self.sequencer)

    async def append(
        self,
        *writes: Write,
        origin: Outside | Cause | None = None,
        guards: Mapping[str, int] | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Append one command."""
        return await self.sequencer.append(Append(writes, BY, T0, guards or {}, origin, answer or {}))


@asynccontextmanager
async def appends(dsn: str, *, size: int = 4) -> AsyncIterator[Writer]:
    """Yield a writer by the role of ``dsn``; it ends with whatever it carries."""
    pool = await open_pool(dsn, size=size)
    sequencer = Sequencer(pool, RELEASE)
    running = asyncio.create_task(sequencer.run())
    try:
        role = str(urlsplit(dsn).username)
        yield Writer(pool, sequencer, role.removeprefix("lonewatch_"))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        pool.terminate()


async def settled(*appending: Any) -> Sequence[Outcome | BaseException]:
    """Append at the same moment; return each outcome, or what was raised instead."""
    results: list[Outcome | BaseException] = await asyncio.gather(*appending, return_exceptions=True)
    return results
