"""What a service's environment says of Kafka, and what the clients are made of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from faststream.security import SASLPlaintext, SASLScram256, SASLScram512
from pydantic import ValidationError

from shared.contracts.topics import PARTITIONS
from shared.runtime.kafka import LARGEST_REQUEST, KafkaSettings, broker, connection, security
from shared.runtime.records import LARGEST_EVENT
from shared.runtime.settings import ServiceSettings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What every service is given, without a word of Kafka."""
    for name, value in {
        "DATABASE": "postgresql://lonewatch_checkin@localhost/lonewatch",
        "KEYS_DATABASE": "postgresql://lonewatch_checkin@localhost/lonewatch_keys",
        "WRAPPING_KEY_FILE": "wrapping.key",
        "PORT": "8001",
    }.items():
        monkeypatch.setenv(f"LONEWATCH_{name}", value)
    return monkeypatch


def said() -> KafkaSettings:
    """Return what the environment says of Kafka."""
    return KafkaSettings.of(ServiceSettings())


@pytest.mark.usefixtures("environment")
def test_without_an_address_there_is_no_kafka() -> None:
    assert not said().enabled
    assert (said().partitions, said().replication, said().most_per_second) == (PARTITIONS, 0, 0)


def test_with_addresses_there_is_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "kafka-1:9092, kafka-2:9092,")

    assert said().enabled
    assert said().bootstrap == ("kafka-1:9092", "kafka-2:9092")


def test_switched_off_there_is_none_whatever_the_address(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "kafka-1:9092")
    environment.setenv("LONEWATCH_KAFKA", "off")

    assert not said().enabled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "maybe"),
        ("KAFKA_SECURITY", "tls"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("KAFKA_PARTITIONS", "0"),
        ("KAFKA_PARTITIONS", "65"),
        ("KAFKA_REPLICATION", "-1"),
        ("RELAY_MOST_PER_SECOND", "-1"),
    ],
)
def test_a_word_that_means_nothing_is_refused(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(f"LONEWATCH_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        ServiceSettings()


@pytest.mark.parametrize(
    ("mechanism", "kind"), [("PLAIN", SASLPlaintext), ("SCRAM-SHA-256", SASLScram256), ("SCRAM-SHA-512", SASLScram512)]
)
@pytest.mark.parametrize(("word", "protocol"), [("sasl_plaintext", "SASL_PLAINTEXT"), ("sasl_ssl", "SASL_SSL")])
def test_a_name_and_a_password_from_a_file_are_proved_by_the_mechanism_that_is_set(
    environment: pytest.MonkeyPatch, tmp_path: Path, mechanism: str, kind: type, word: str, protocol: str
) -> None:
    (tmp_path / "password").write_text("made up\n")
    environment.setenv("LONEWATCH_KAFKA_SECURITY", word)
    environment.setenv("LONEWATCH_KAFKA_SASL_MECHANISM", mechanism)
    environment.setenv("LONEWATCH_KAFKA_SASL_USERNAME", "lonewatch_checkin")
    environment.setenv("LONEWATCH_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "password"))

    made = connection(said(), "test")

    assert type(security(said())) is kind
    assert (made["security_protocol"], made["sasl_mechanism"]) == (protocol, mechanism)
    assert (made["sasl_plain_username"], made["sasl_plain_password"]) == ("lonewatch_checkin", "made up")
    assert isinstance(made["ssl_context"], ssl.SSLContext) == (word == "sasl_ssl")


def test_kafkas_own_certificate_is_always_checked(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LONEWATCH_KAFKA_SECURITY", "ssl")

    made = connection(said(), "test")

    assert made["security_protocol"] == "SSL"
    assert made["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert made["ssl_context"].check_hostname


def test_a_file_that_is_missing_is_an_error_of_the_client_and_not_of_the_start(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("LONEWATCH_KAFKA_SECURITY", "ssl")
    environment.setenv("LONEWATCH_KAFKA_CERT_FILE", str(tmp_path / "missing.pem"))
    settings = said()

    with pytest.raises(OSError, match="No such file"):
        connection(settings, "test")


async def test_a_producer_takes_the_largest_record_waits_for_every_copy_and_doubles_nothing() -> None:
    settings = KafkaSettings(bootstrap=("127.0.0.1:1",))

    producer = AIOKafkaProducer(**broker(settings, "test")._connection_kwargs)  # noqa: SLF001 -- what FastStream makes it with

    assert producer._txn_manager is not None, "idempotent"  # noqa: SLF001 -- aiokafka tells it nowhere else
    assert producer._sender._acks == -1, "all"  # noqa: SLF001 -- aiokafka tells it nowhere else
    assert LARGEST_REQUEST > 2 * LARGEST_EVENT
    await producer.stop()
