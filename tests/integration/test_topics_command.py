"""``lonewatch topics`` on a real Kafka: makes what is missing, leaves what is there, and says what is set otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner, Result

from deploy import topics_cli
from deploy.cli import app
from shared.contracts.topics import Topic
from shared.runtime.ids import new_id
from tests.support.kafka import Broker

Run = Callable[..., tuple[Result, dict[str, Any]]]


@pytest.fixture
def run(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on topics of this test's own; gives its result and the object that it printed."""
    monkeypatch.setenv("LONEWATCH_KAFKA_BOOTSTRAP", kafka.bootstrap)
    monkeypatch.setenv("LONEWATCH_KAFKA_PARTITIONS", "4")
    names = (f"test.{new_id()}.{number}" for number in (1, 2))
    monkeypatch.setattr(
        topics_cli, "TOPICS", tuple(Topic(name, "checkin", (), "", timedelta(days=2)) for name in names)
    )

    def command(*options: str) -> tuple[Result, dict[str, Any]]:
        result = CliRunner().invoke(app, ["topics", "--json", *options])
        found: dict[str, Any] = orjson.loads(result.stdout.splitlines()[-1])
        return result, found

    return command


def outcomes(found: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in found["topics"]]


async def set_topic(bootstrap: str, topic: str, **settings: str) -> None:
    """Set a topic as an operator might."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        changed = {name.replace("_", "."): value for name, value in settings.items()}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=changed)])
    finally:
        await admin.close()


def test_topics_that_are_missing_are_made_once(run: Run) -> None:
    before, missing = run("--check")
    made, said = run()
    again, there = run()
    after, right = run("--check")
    assert [one.exit_code for one in (before, made, again, after)] == [1, 0, 0, 0]
    assert outcomes(missing) == ["missing", "missing"]
    assert outcomes(said) == ["made", "made"]
    assert outcomes(there) == outcomes(right) == ["there", "there"]
    assert [(one["partitions"], one["copies"]) for one in right["topics"]] == [(4, 1), (4, 1)]


def test_a_topic_that_is_set_otherwise_stays_so_and_is_told_of(run: Run, kafka: Broker) -> None:
    _, made = run()
    shorter, compacted = (one["topic"] for one in made["topics"])
    asyncio.run(set_topic(kafka.bootstrap, shorter, retention_ms="60000"))
    asyncio.run(set_topic(kafka.bootstrap, compacted, cleanup_policy="compact", retention_ms="-1"))
    assert run()[0].exit_code == 0
    checked, found = run("--check")
    assert checked.exit_code == 1
    assert outcomes(found) == ["differs", "differs"]
    short, one_each = (one["why"] for one in found["topics"])
    assert short.startswith(f"{shorter} keeps records for 0:01:00 and not for 2 days, 0:00:00.")
    assert short.endswith("--add-config retention.ms=172800000.")
    assert one_each.startswith(f"{compacted} keeps one record of a visit.")
    assert one_each.endswith("--add-config cleanup.policy=delete.")


def test_topics_of_fewer_partitions_or_copies_than_are_wanted_are_told_of(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setenv("LONEWATCH_KAFKA_PARTITIONS", "8")
    monkeypatch.setenv("LONEWATCH_KAFKA_REPLICATION", "3")
    checked, found = run("--check")
    assert checked.exit_code == 1
    assert outcomes(found) == ["differs", "differs"]
    for one in found["topics"]:
        assert "has 4 partitions and not 8" in one["why"]
        assert "has 1 of 3 copies" in one["why"]


def test_what_kafka_refuses_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_REPLICATION", "9")
    refused, found = run()
    assert refused.exit_code == 1
    assert [(one["outcome"], one["why"]) for one in found["topics"]] == [
        ("refused", "InvalidReplicationFactorError")
    ] * 2


def test_a_kafka_that_is_away_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    away, found = run()
    assert away.exit_code == 1
    assert found["error"] == "kafka_failed"
    assert "127.0.0.1:1" in found["detail"]


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("LONEWATCH_KAFKA_BOOTSTRAP", "", "no_kafka"),
        ("LONEWATCH_KAFKA", "off", "no_kafka"),
        ("LONEWATCH_KAFKA_SECURITY", "none", "settings_wrong"),
    ],
)
def test_settings_with_which_no_kafka_can_be_asked_are_said(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    result = CliRunner().invoke(app, ["topics", "--json"])
    assert result.exit_code == 1
    assert orjson.loads(result.stdout.splitlines()[-1])["error"] == code


def test_a_file_of_a_secret_that_is_gone_is_said_even_where_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("LONEWATCH_DATABASE_PASSWORD_FILE", "/nowhere/password")
    result = CliRunner().invoke(app, ["topics", "--json"])
    said = orjson.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, said["error"]) == (1, "settings_wrong")
    assert "LONEWATCH_DATABASE_PASSWORD_FILE names /nowhere/password" in said["detail"]


def test_what_the_topics_carry_is_written_without_a_kafka(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    assert CliRunner().invoke(app, ["topics", "--asyncapi", str(file)]).exit_code == 0
    assert orjson.loads(file.read_bytes())["asyncapi"] == "3.0.0"
    unwritable = CliRunner().invoke(app, ["topics", "--asyncapi", str(tmp_path / "nowhere" / "asyncapi.json")])
    assert unwritable.exit_code == 1
    assert "cannot be written" in unwritable.stderr
