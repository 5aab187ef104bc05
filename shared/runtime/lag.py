"""How far the consumers of one process are behind the log: how many records lie before each, and how old the oldest is.

Reads what PostgreSQL holds, whatever came by Kafka and whatever by the log; changes nothing and judges nothing. A process
knows of its own reactions and read models alone: another service's read models are in tables that it may not read.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
from prometheus_client import Gauge

from shared.runtime.clock import monotonic
from shared.runtime.postgres import LOST
from shared.runtime.telemetry import REGISTRY

if TYPE_CHECKING:
    from shared.runtime.consumers import Reaction, ReadModel
    from shared.runtime.postgres import Pool

KEPT = 2.0
"""Seconds for which an answer is given again: however often somebody asks, a process counts no more often than that."""

TOLD_WITHIN = 1.0
"""Seconds that whoever asks waits at most: what else is known must not be missing because of a slow log."""

COUNTED = 100
"""Records counted in a shard at the most: whoever reads "100" knows enough, and a backlog of millions costs no more. It
stands in the statement as a number, which the planner sees."""

# What consumers have not applied, shard by shard. One short range a shard in event_topic_shard (topic, shard, position).
BEHIND = """
SELECT followed.consumer, a.topic, a.shard, left_over.positions,
    greatest(extract(epoch FROM log.now() - oldest.recorded_at), 0)::float8 AS seconds
FROM unnest($1::text[], $2::text[], $3::text[]) AS followed (consumer, named, topic)
JOIN SCHEMA.applied a ON a.NAMED = followed.named AND a.topic = followed.topic
CROSS JOIN LATERAL (
    SELECT count(*) AS positions, min(next.position) AS first FROM (
        SELECT e.position FROM log.event e
        WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 100
    ) AS next
) AS left_over
JOIN log.event oldest ON oldest.position = left_over.first
"""

LAG_POSITIONS = Gauge(
    "lonewatch_feed_lag_positions",
    f"Records before a consumer in its worst shard, counted up to {COUNTED}",
    ["consumer", "topic"],
    registry=REGISTRY,
)
LAG_SECONDS = Gauge(
    "lonewatch_feed_lag_seconds",
    "Age of the oldest record that a consumer has not applied, in its worst shard",
    ["consumer", "topic"],
    registry=REGISTRY,
)


@dataclass(frozen=True)
class Lag:
    """What lies before one consumer in one shard of one topic."""

    consumer: str
    topic: str
    shard: int
    positions: int
    """Records of this topic and shard that it has not applied; ``COUNTED`` where there are that many or more."""
    seconds: float
    """Age of the oldest of them, by the log's time."""

    def shown(self) -> dict[str, Any]:
        """Return it as an answer says it."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class _Table:
    """Consumers whose applied positions stand in one table: its statement, their names there, and what they follow."""

    statement: str
    followed: tuple[tuple[str, str, str], ...]


class Lags:
    """Knows how far the consumers of this process are behind, and says it as metrics.

    The metrics are the worst shard of each consumer and topic: a row for each shard would be 64 times as many, and an
    alarm asks whether any is behind, not which. Which, ``read`` has: every shard that lags.
    """

    def __init__(self, pool: Pool, reactions: Sequence[Reaction], read_models: Sequence[ReadModel]) -> None:
        """Read by ``pool``."""
        self._pool = pool
        self._tables = (_reactions(reactions), *_read_models(read_models))
        self._reading = asyncio.Lock()
        self._read_at = -math.inf
        self._lags: tuple[Lag, ...] = ()

    async def read(self) -> tuple[Lag, ...] | None:
        """Return what lags, the oldest first, the same for ``KEPT`` seconds; None where the log does not tell in time."""
        try:
            async with asyncio.timeout(TOLD_WITHIN), self._reading:
                if monotonic() - self._read_at > KEPT:
                    found = [lag for table in self._tables for lag in await self._of(table)]
                    self._lags = tuple(
                        sorted(found, key=lambda lag: (-lag.seconds, lag.consumer, lag.topic, lag.shard))
                    )
                    self._read_at = monotonic()
        except (asyncpg.PostgresError, *LOST):
            return None
        return self._lags

    async def measure(self) -> None:
        """Set the metrics; to no number where the log does not tell, which is not the same as being behind by nothing."""
        lags = await self.read()
        none = math.nan if lags is None else 0
        for labels in self.followed:
            own = [lag for lag in lags or () if (lag.consumer, lag.topic) == labels]
            LAG_POSITIONS.labels(*labels).set(max((lag.positions for lag in own), default=none))
            LAG_SECONDS.labels(*labels).set(max((lag.seconds for lag in own), default=none))

    @property
    def followed(self) -> tuple[tuple[str, str], ...]:
        """Each consumer of this process with each topic that it follows."""
        return tuple((consumer, topic) for table in self._tables for consumer, _, topic in table.followed)

    async def _of(self, table: _Table) -> list[Lag]:
        names = [list(column) for column in zip(*table.followed, strict=True)]
        return [Lag(*row) for row in await self._pool.fetch(table.statement, *names)] if names else []


def _reactions(reactions: Sequence[Reaction]) -> _Table:
    followed = tuple((one.consumer, one.consumer, topic) for one in reactions for topic in one.topics)
    return _Table(BEHIND.replace("SCHEMA", "log").replace("NAMED", "consumer"), followed)


def _read_models(models: Sequence[ReadModel]) -> Iterable[_Table]:
    """Return a table for each schema: a service has one."""
    for schema in sorted({model.schema for model in models}):
        followed = tuple(
            (one.consumer, one.name, topic) for one in models if one.schema == schema for topic in one.topics
        )
        yield _Table(BEHIND.replace("SCHEMA", schema).replace("NAMED", "read_model"), followed)
