"""Every setting of a Kafka client stands here, each with its reason.

Opens nothing by itself. A file that is named and cannot be read is an error when a client is made, never when the
service starts: Kafka keeps nobody from being watched over.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from pydantic import BaseModel, ConfigDict

from shared.contracts.topics import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.settings import ServiceSettings

REQUEST_TIMEOUT = 10_000
"""Milliseconds for one request: above the 8 s that three brokers took to go on without one of them."""

RETRY_BACKOFF = 100
"""Milliseconds between two tries of a client's own: a leader is elected in seconds, and nobody is helped by more."""

METADATA_AGE = 5_000
"""Milliseconds after which a client looks again which broker leads what: partitions that were added are seen soon."""

IDLE = 540_000
"""Milliseconds before an idle connection is closed: below the ten minutes after which a broker closes it."""

LARGEST_REQUEST = 1024 * 1024
"""Bytes: well above the largest record (256 KiB and its headers), and no more than a broker takes unless it is told to."""

LARGEST_BATCH = 64 * 1024
"""Bytes of a partition's records that go together: a page of 500 records then waits for few round trips."""


SUBSCRIBER: Mapping[str, Any] = {
    "batch": True,  # what came together is offered together, and applied in few commits
    "max_records": 500,  # a page of the relay
    "max_poll_records": 500,
    "batch_timeout_ms": 20,  # FastStream is deaf for as long after each wait without a record
    "fetch_min_bytes": 1,  # one record alone does not wait for others
    "fetch_max_wait_ms": 500,  # what the broker waits for the first record; it answers at once when there is one
    "fetch_max_bytes": 8 * 1024 * 1024,  # of memory for one fetch
    "max_partition_fetch_bytes": 1024 * 1024,  # four of the largest records
    "auto_offset_reset": "earliest",  # a group without offsets reads all there is: the feed drops what it knows
    "ack_policy": AckPolicy.ACK_FIRST,  # commits in the background: an offset is a hint, the applied position decides
    "auto_commit_interval_ms": 5000,  # what is read again after a crash, and dropped
    "session_timeout_ms": 8000,  # a dead replica's partitions come by the log until then; a slow start is no death
    "heartbeat_interval_ms": 2000,  # three may be lost
    "max_poll_interval_ms": 60_000,  # a replica that takes nothing for so long gives its partitions up
    "isolation_level": "read_uncommitted",  # nothing of ours is published in transactions
    "no_reply": True,
}
"""How topics are subscribed to, each setting with its reason."""


class KafkaSettings(BaseModel):
    """Where Kafka is, how it is spoken to, and what our topics there are like."""

    model_config = ConfigDict(frozen=True)

    on: bool = True
    bootstrap: tuple[str, ...] = ()
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    replication: int = 0
    partitions: int = PARTITIONS
    most_per_second: int = 0

    @property
    def enabled(self) -> bool:
        """Whether there is a Kafka to speak to; without one the log alone is followed."""
        return self.on and bool(self.bootstrap)

    @classmethod
    def of(cls, settings: ServiceSettings) -> KafkaSettings:
        """Return what a service's settings say of Kafka."""
        return cls(
            on=settings.kafka == "on",
            bootstrap=settings.kafka_places,
            security=settings.kafka_security,
            sasl_mechanism=settings.kafka_sasl_mechanism,
            sasl_username=settings.kafka_sasl_username,
            sasl_password_file=settings.kafka_sasl_password_file,
            ca_file=settings.kafka_ca_file,
            cert_file=settings.kafka_cert_file,
            key_file=settings.kafka_key_file,
            replication=settings.kafka_replication,
            partitions=settings.kafka_partitions,
            most_per_second=settings.relay_most_per_second,
        )


def security(settings: KafkaSettings) -> BaseSecurity:
    """Return how a client proves who it is and who Kafka is. Raises OSError for a file that cannot be read."""
    context = _tls(settings) if settings.security in ("ssl", "sasl_ssl") else None
    if settings.security in ("plaintext", "ssl"):
        return BaseSecurity(ssl_context=context)
    how = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    password = settings.sasl_password_file.read_text().rstrip("\r\n") if settings.sasl_password_file else ""
    return how[settings.sasl_mechanism](settings.sasl_username, password, ssl_context=context)


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def connection(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return what every client of aiokafka's own is made with: for topics and for looking at offsets."""
    return {
        "bootstrap_servers": list(settings.bootstrap),
        "client_id": client_id,
        "request_timeout_ms": REQUEST_TIMEOUT,
        "retry_backoff_ms": RETRY_BACKOFF,
        "metadata_max_age_ms": METADATA_AGE,
        "connections_max_idle_ms": IDLE,
        **parse_security(security(settings)),
    }


def broker(settings: KafkaSettings, client_id: str, *, consumer_only: bool = False) -> KafkaBroker:
    """Return FastStream's broker, not started. One for publishing and one for following: each has a life of its own.

    With ``consumer_only`` it opens no producer. ``start()`` raises at once where no Kafka answers, and leaves a producer
    that it has opened unclosed: publish by ``shared.runtime.relay_sending``, which closes it.
    """
    return KafkaBroker(
        list(settings.bootstrap),
        client_id=client_id,
        security=security(settings),
        consumer_only=consumer_only,
        request_timeout_ms=REQUEST_TIMEOUT,
        retry_backoff_ms=RETRY_BACKOFF,
        metadata_max_age_ms=METADATA_AGE,
        connections_max_idle_ms=IDLE,
        # FastStream makes no topic by the way: it would have the wrong partitions and one copy. A broker may all the same:
        # aiokafka asks it by name for the topics in use, and lets it make one that is gone. Its operator alone can say no
        # (auto.create.topics.enable=false); the doctor warns where it is not said.
        allow_auto_create_topics=False,
        acks="all",  # acknowledged is what every copy in sync has
        enable_idempotence=True,  # a send that is tried again neither doubles nor overtakes another
        linger_ms=0,  # the sends of a page come together by themselves; one alone must not wait
        max_batch_size=LARGEST_BATCH,
        max_request_size=LARGEST_REQUEST,
        graceful_timeout=3.0,  # seconds for what is at work when the service stops: as long as everything else has
        log_level=logging.DEBUG,  # its two lines a batch are nobody's to read
        logger=logging.getLogger("lonewatch.kafka"),  # closed below CRITICAL, like every library's
        apply_types=False,  # handlers take bytes as they are: nothing is to be converted or injected
    )
