"""How all services are, as the log shows it: the same answer from each of them, but for what Kafka carries.

Reads only; judges nothing but ages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.runtime.unsettled import Unsettled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from shared.runtime.kafka_status import KafkaStatus
    from shared.runtime.service import Running

# The age of the newest finished cycle of each loop of each replica. What has been gone for a day is no replica any more.
CYCLES = """
SELECT service, replica, loop, extract(epoch FROM clock_timestamp() - finished_at)::float8 AS age FROM log.cycle
WHERE finished_at > clock_timestamp() - interval '1 day' ORDER BY service, replica, loop
"""

# What each reaction has not applied, counting no more than a hundred in a shard, and how old the oldest is.
# One probe a shard in event_topic_shard.
BEHIND = """
SELECT a.consumer, sum(left_over.records)::bigint AS records,
    extract(epoch FROM log.now() - min(left_over.oldest))::float8 AS oldest
FROM log.applied a
CROSS JOIN LATERAL (
    SELECT count(*) AS records, min(next.recorded_at) AS oldest FROM (
        SELECT e.recorded_at FROM log.event e
        WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 100
    ) AS next
) AS left_over
WHERE left_over.records > 0 GROUP BY a.consumer ORDER BY a.consumer
"""

# What is due, and since when the oldest is. Uses deadline_due (topic, due_at).
OVERDUE = """
SELECT o.service, d.kind, count(*) AS deadlines, extract(epoch FROM log.now() - min(d.due_at))::float8 AS oldest
FROM log.owner o JOIN log.deadline d USING (topic)
WHERE d.due_at < (SELECT log.now()) GROUP BY o.service, d.kind ORDER BY o.service, d.kind
"""

HEARTBEAT = "heartbeat"
"""The loop whose finished cycle is a heartbeat that was sent and taken."""


class Status:
    """Answers how all services are, and of its own what Kafka carries: that is known to nobody else."""

    def __init__(self, running: Running, kafka: KafkaStatus) -> None:
        """Read by the pool of a service that runs."""
        self._name = running.name
        self._pool = running.pool
        self._watch = running.watch
        self._kafka = kafka
        self._unsettled = Unsettled(running.pool)

    async def read(self) -> dict[str, Any]:
        """Return replicas, backlogs, what is overdue, what is not settled and what Kafka carries, by service.

        Raises PostgresError and what is in LOST.
        """
        cycles = await self._pool.fetch(CYCLES)
        behind = await self._pool.fetch(BEHIND)
        overdue = await self._pool.fetch(OVERDUE)
        await self._unsettled.refresh()
        kafka = {self._name: await self._kafka.read()}
        beats = [row["age"] for row in cycles if row["loop"] == HEARTBEAT]
        impaired = self._watch.impairment
        return {
            "services": {
                service: {
                    "replicas": _replicas([row for row in cycles if row["service"] == service]),
                    "behind": [_behind(row) for row in behind if row["consumer"].partition(":")[0] == service],
                    "overdue": [_overdue(row) for row in overdue if row["service"] == service],
                    "unsettled": self._unsettled.of(service),
                    "kafka": kafka.get(service),
                }
                for service in TOPIC_OF_SERVICE
            },
            "heartbeat": {"sent_seconds_ago": round(min(beats), 1)} if beats else None,
            "watch": impaired.shown() if impaired else {"impaired": False},
        }


def _replicas(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the loops of each replica, and the seconds since each finished a cycle."""
    replicas = dict.fromkeys(row["replica"] for row in rows)
    return [
        {
            "replica": replica,
            "cycles": {row["loop"]: round(row["age"], 1) for row in rows if row["replica"] == replica},
        }
        for replica in replicas
    ]


def _behind(row: Record) -> dict[str, Any]:
    return {"consumer": row["consumer"], "records": row["records"], "oldest_seconds": round(row["oldest"], 1)}


def _overdue(row: Record) -> dict[str, Any]:
    return {"kind": row["kind"], "deadlines": row["deadlines"], "oldest_seconds": round(row["oldest"], 1)}
