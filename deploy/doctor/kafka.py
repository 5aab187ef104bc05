"""Whether Kafka carries records: it takes us, its topics are what they should be, and services publish and follow.

Changes nothing there; it asks for no topic by name, which could make one. Nothing found here is an error: what Kafka
does not carry is read from the log, within a second.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from deploy.doctor.finding import Finding, ok, warning
from deploy.doctor.kafka_reach import FAILURES, WITHIN, login_is_protected, reached
from deploy.doctor.kafka_topics import described, judged
from shared.runtime.kafka import KafkaSettings, connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

CLIENT = "lonewatch-doctor"
"""What the doctor calls itself to a broker, whose operator then knows who asks."""

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


async def can_carry(target: Target) -> list[Finding]:
    """Look whether Kafka is set, whether every address of it takes us, and at its topics."""
    settings = KafkaSettings.of(target.any)
    if not settings.enabled:
        why = "LONEWATCH_KAFKA_BOOTSTRAP is not set" if settings.on else "LONEWATCH_KAFKA is off"
        return [ok("kafka_off", f"No Kafka is used ({why}): the log alone is followed.")]
    try:
        given = _given(settings)
    except (OSError, ValueError):  # what ssl raises is an OSError
        return [
            warning(
                "kafka_files_unusable",
                "A file that Kafka's settings name cannot be read, or holds no certificate or key.",
                "Set LONEWATCH_KAFKA_CA_FILE, _CERT_FILE, _KEY_FILE and _SASL_PASSWORD_FILE to files that services may read.",
            )
        ]
    answers = await asyncio.gather(*(reached(place, settings, given) for place in settings.bootstrap))
    answered = any(found.level == "ok" for found in answers)
    return [*login_is_protected(settings), *answers, *(await _topics(settings, given) if answered else ())]


async def _topics(settings: KafkaSettings, given: Mapping[str, Any]) -> list[Finding]:
    """Ask the cluster for its topics and their settings, and judge them."""
    try:
        async with asyncio.timeout(2 * WITHIN), _asking(given) as admin:
            return judged(await described(admin), settings)
    except FAILURES as failure:
        return [
            warning(
                "kafka_topics_unknown",
                f"Kafka does not say what its topics are like ({type(failure).__name__}).",
                "Let the services' name at Kafka describe topics and their configuration, and run this again.",
            )
        ]


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
        async with asyncio.timeout(2 * WITHIN), _asking(_given(settings)) as admin:
            nobody = [service for service in services if not await _members(admin, service)]
    except (*FAILURES, ValueError):
        return []  # said by whoever looks at the addresses
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
        (answer,) = await admin.describe_consumer_groups([f"lonewatch-{service}"])
    except GroupCoordinatorNotAvailableError:  # no group has ever been there
        return 0
    return sum(len(group["members"]) for group in answer.to_object()["groups"])


def _given(settings: KafkaSettings) -> dict[str, Any]:
    """Return what a client is made with. Raises OSError or ValueError for a file that cannot be used."""
    return connection(settings, CLIENT) | {"request_timeout_ms": int(WITHIN * 1000)}


@asynccontextmanager
async def _asking(given: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a client that asks the cluster. Raises what is in FAILURES."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is a finding
    admin = AIOKafkaAdminClient(**given)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
