"""Whether Kafka can carry records: it takes us, and its topics are what they should be.

Changes nothing there; it asks for no topic by name, which could make one. Nothing found of Kafka is an error: what it
does not carry is read from the log, within a second.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from deploy.doctor.finding import Finding, ok, warning
from deploy.doctor.kafka_client import asking, given_to_a_client, untold
from deploy.doctor.kafka_reach import FAILURES, WITHIN, login_is_protected, reached
from deploy.doctor.kafka_topics import judged
from shared.contracts.topics import TOPICS
from shared.runtime.kafka import KafkaSettings
from shared.runtime.topic_admin import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.doctor.target import Target


async def can_carry(target: Target) -> list[Finding]:
    """Look whether Kafka is set, whether every address of it takes us, and at its topics."""
    settings = KafkaSettings.of(target.any)
    if not settings.enabled:
        why = "LONEWATCH_KAFKA_BOOTSTRAP is not set" if settings.on else "LONEWATCH_KAFKA is off"
        return [ok("kafka_off", f"No Kafka is used ({why}): the log alone is followed.")]
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is a finding
    try:
        given = given_to_a_client(settings)
    except (OSError, ValueError):  # what ssl raises is an OSError
        return [
            warning(
                "kafka_files_unusable",
                "A file that Kafka's settings name cannot be read, or holds no certificate or key.",
                "Set LONEWATCH_KAFKA_CA_FILE, _CERT_FILE, _KEY_FILE and _SASL_PASSWORD_FILE to files that services may read.",
            )
        ]
    answers = await asyncio.gather(*(reached(place, settings, given) for place in settings.bootstrap))
    answering = [place for place, found in zip(settings.bootstrap, answers, strict=True) if found.level == "ok"]
    topics = await _topics(settings, given | {"bootstrap_servers": answering}) if answering else []
    return [*login_is_protected(settings), *answers, *topics]


async def _topics(settings: KafkaSettings, given: Mapping[str, Any]) -> list[Finding]:
    """Ask the cluster for its topics and their settings, and judge them."""
    try:
        async with asyncio.timeout(2 * WITHIN), asking(given) as admin:
            return judged(await described(admin, TOPICS), settings)
    except FAILURES as failure:
        return [untold("what its topics are like", failure)]
