"""Whether the services publish what they record, and follow what the others publish. What does not, comes by the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError, KafkaError

from deploy.doctor.finding import Finding, ok, warning
from deploy.doctor.kafka_client import asking, given_to_a_client, untold
from deploy.doctor.kafka_reach import WITHIN
from shared.contracts.topics import group_of
from shared.runtime.kafka import KafkaSettings

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

BEHIND = 60.0
"""Seconds for which a record may wait to be published: a broker that was started anew is back by then."""

# How long the oldest record waits that a service has not published. One probe a shard in event_topic_shard.
UNPUBLISHED = """
SELECT o.service, extract(epoch FROM log.now() - min(next.recorded_at))::float8 AS seconds
FROM log.owner o
LEFT JOIN log.relay r USING (topic)
CROSS JOIN generate_series(0, 63) AS shard
CROSS JOIN LATERAL (
    SELECT e.recorded_at FROM log.event e
    WHERE e.topic = o.topic AND e.shard = shard::smallint AND e.position > coalesce(r.position, 0)
    ORDER BY e.position LIMIT 1
) AS next
GROUP BY o.service ORDER BY o.service
"""

# The services of which some replica has looked at the log within the last ten seconds.
AT_WORK = """
SELECT DISTINCT service FROM log.cycle
WHERE loop = 'feed' AND finished_at > clock_timestamp() - interval '10 s' ORDER BY service
"""


async def records_are_published(target: Target, log: Connection) -> list[Finding]:
    """Look how long records wait to be published."""
    if not KafkaSettings.of(target.any).enabled:
        return []
    return [
        warning(
            "relay_behind",
            f"{row['service']} has not published what it recorded {row['seconds']:.0f} s ago.",
            "See what 'lonewatch status' says of its relay; where Kafka has lost its records, all are published again.",
        )
        for row in await log.fetch(UNPUBLISHED)
        if row["seconds"] > BEHIND
    ] or [ok("relays_keep_up", "What is recorded is published.")]


async def services_follow(target: Target, log: Connection) -> list[Finding]:
    """Look whether each service that is at work has a member in its group, so that records come to it by the topics."""
    settings = KafkaSettings.of(target.any)
    if not settings.enabled:
        return []
    services = [row["service"] for row in await log.fetch(AT_WORK)]
    try:
        async with asyncio.timeout(2 * WITHIN), asking(given_to_a_client(settings)) as admin:
            nobody = [service for service in services if not await _members(admin, service)]
    except (OSError, ValueError, OverflowError, KafkaConnectionError):
        return []  # whoever looks at the addresses says why
    except KafkaError as refused:
        return [untold("who follows", refused)]
    return [
        warning(
            "kafka_nobody_follows",
            f"{service} is at work and follows no topic: it reads the log alone.",
            "Give it the same LONEWATCH_KAFKA_… as are set here, and restart it; its own lines say what keeps it.",
        )
        for service in nobody
    ] or [ok("services_follow", "Every service that is at work follows its topics.")]


async def _members(admin: AIOKafkaAdminClient, service: str) -> int:
    try:
        (answer,) = await admin.describe_consumer_groups([group_of(service)])
    except GroupCoordinatorNotAvailableError:  # no group has ever been there
        return 0
    return sum(len(group["members"]) for group in answer.to_object()["groups"])
