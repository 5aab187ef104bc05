"""Compare our own accounts of one thing, every 30 s and a bounded number of them, and say where they differ.

Two are the same for every service: the newest records against their columns, and the deadlines of streams against what
follows from their histories. A deadline that is missing is put back: the watch over a person fails towards looking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from shared.contracts.topics import TOPIC_OF_SERVICE, shard_of
from shared.runtime.clock import pause
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.runtime.troubles import is_id
from shared.trouble import SelfCheck

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.runtime.postgres import Pool
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

EVERY = 30.0
"""Seconds between two looks: what is found is rare, and the look must not be felt."""

MOST_RECORDS = 500
"""Records of one look: some milliseconds of work, and more than a busy service appends in the time between two."""

# The newest records of a topic with their columns, from a position on. Uses the primary key (position).
RECORDS = """
SELECT position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
FROM log.event WHERE topic = $1 AND position > $2 ORDER BY position LIMIT $3
"""

# Where the log is.
HEAD = "SELECT position FROM log.head"

COPIES = (
    "position", "topic", "shard", "stream_id", "version", "type", "visit_id", "site_id", "event_id", "correlation_id",
    "causation_id", "actor", "release",
)  # fmt: skip
"""The columns that hold what a member of the record holds."""

INSTANTS = ("occurred_at", "recorded_at")
"""The columns that hold an instant, which a record writes as text."""

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

    async def run(self) -> None:
        """Look every 30 s until cancelled."""
        while True:
            await self.look()
            await pause(EVERY)

    async def look(self) -> None:
        """Make every check once. One that fails holds up no other; while the log is away there is nothing to compare."""
        for check in self._checks:
            try:
                for found in await check.look():
                    await self._say(check.name, found)
            except (Unavailable, *LOST):
                log.warning("self_check_lost_the_log", check=check.name)
                return
            except Exception:  # a check must not end a service that watches
                self._cycles.failed("self_checks")
                log.exception("self_check_failed", check=check.name)
        self._cycles.finish("self_checks")

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


class Columns:
    """Compares the newest records of one service's topic with their columns, from the last look on."""

    def __init__(self, pool: Pool, service: str) -> None:
        """Read by ``pool``. The first look begins a little before the head of that moment."""
        self._pool = pool
        self._topic = TOPIC_OF_SERVICE[service]
        self._after: int | None = None

    async def look(self) -> Sequence[Difference]:
        """Return what differs. A record that nothing can read is not this check's: whoever follows it says so."""
        if self._after is None:
            self._after = await self._pool.fetchval(HEAD) - MOST_RECORDS
        rows = await self._pool.fetch(RECORDS, self._topic, self._after, MOST_RECORDS)
        if rows:
            self._after = rows[-1]["position"]
        return [found for row in rows if (found := compare(row))]


def compare(row: Record | dict[str, Any]) -> Difference | None:
    """Compare one row with the record in it, and the shard with what it is made of."""
    try:
        record = orjson.loads(row["record"])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict):
        return None
    differ = [name for name in COPIES if record.get(name) != row[name]]
    differ += [name for name in INSTANTS if _instant(record.get(name)) != row[name]]
    if row["shard"] != shard_of(row["visit_id"] or row["stream_id"]) and "shard" not in differ:
        differ.append("shard")
    if not differ:
        return None
    return Difference(
        place=f"position-{row['position']}",
        expected=f"{', '.join(differ)} as in the record",
        found="another value in the column",
        visit_id=_id(record.get("visit_id")),
        site_id=_id(record.get("site_id")),
    )


def _id(text: object) -> str | None:
    return text if isinstance(text, str) and is_id(text) else None


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
