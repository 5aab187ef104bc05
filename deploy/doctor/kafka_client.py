"""A client by which the doctor asks a Kafka, and what it says when it gets no answer. Changes nothing there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient

from deploy.doctor.finding import Finding, warning
from deploy.doctor.kafka_reach import WITHIN
from shared.runtime.kafka import KafkaSettings, connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

CLIENT = "lonewatch-doctor"
"""What the doctor calls itself to a broker, whose operator then knows who asks."""


def given_to_a_client(settings: KafkaSettings) -> dict[str, Any]:
    """Return what a client is made with. Raises OSError or ValueError for a file that cannot be used."""
    return connection(settings, CLIENT) | {"request_timeout_ms": int(WITHIN * 1000)}


@asynccontextmanager
async def asking(given: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a client that asks the cluster. Raises what is in FAILURES."""
    admin = AIOKafkaAdminClient(**given)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def untold(what: str, failure: Exception) -> Finding:
    """Say that Kafka, which was reached, refuses to tell something."""
    return warning(
        "kafka_untold",
        f"Kafka does not say {what} ({type(failure).__name__}).",
        "Let the services' name at Kafka describe topics, configurations and groups, and run this again.",
    )
