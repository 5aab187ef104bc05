"""Which Kafka the doctor examines: the one that the environment names, else the one that an installation runs itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.database import SERVICES
from deploy.doctor import from_folder
from shared.runtime.kafka import KafkaSettings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder, with the addresses in it that an installation writes."""
    for name in ("LONEWATCH_KAFKA", "LONEWATCH_KAFKA_BOOTSTRAP", "LONEWATCH_KAFKA_SECURITY"):
        monkeypatch.delenv(name, raising=False)
    files = {"postgres/port": "5432", "postgres/password": "made-up", "kafka/ports": "9292 9293\n"}
    for name, text in (files | {f"{service}.password": "made-up" for service in SERVICES}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def brokers(folder: Path) -> tuple[str, ...]:
    settings = KafkaSettings.of(from_folder(folder).any)
    return settings.bootstrap if settings.enabled else ()


def test_it_is_the_installations_own_which_asks_for_no_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_SECURITY", "sasl_ssl")
    assert brokers(folder) == ("127.0.0.1:9292",)
    assert from_folder(folder).any.kafka_security == "plaintext"


def test_it_is_the_one_that_the_environment_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "kafka.example:9092")
    monkeypatch.setenv("LONEWATCH_KAFKA_SECURITY", "sasl_ssl")
    assert brokers(folder) == ("kafka.example:9092",)
    assert from_folder(folder).any.kafka_security == "sasl_ssl"


def test_it_is_none_where_kafka_is_off_or_was_never_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "kafka" / "ports").write_text("")
    assert brokers(folder) == ()
    (folder / "kafka" / "ports").unlink()
    assert brokers(folder) == ()
    (folder / "kafka" / "ports").write_text("9292 9293\n")
    monkeypatch.setenv("LONEWATCH_KAFKA", "off")
    assert brokers(folder) == ()
