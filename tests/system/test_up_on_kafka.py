"""``lonewatch up`` with a Kafka of its own: it says which, keeps it running, waits for it nowhere and leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from deploy.local.installation import free_port
from deploy.local.kafka.jars import VERSION, KafkaError, programs
from tests.support.kafka import unavailable
from tests.support.postgres import temporary_state
from tests.support.waiting import until
from tests.system.test_up import up

BROKER = "kafka.Kafka"
"""What a broker's command line names."""


@pytest.fixture(autouse=True)
def needs_the_jars() -> None:
    """A test of the broker that is run here needs what it is run from."""
    try:
        programs()
    except KafkaError as error:
        unavailable(str(error))


def brokers(runner: psutil.Process) -> list[psutil.Process]:
    """Return the brokers that a runner has started and that have not ended."""
    return [one for one in runner.children(recursive=True) if BROKER in _command(one)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_up_names_its_broker_starts_it_again_and_takes_it_along() -> None:
    with temporary_state() as folder:
        with up(folder / "state", free_port(), kafka="on") as (process, printed):
            runner = psutil.Process(process.pid)
            address = line_of(printed).split(" at ")[1].split()[0]

            async def is_up() -> bool:
                return "Kafka Server started" in said(folder / "state") and bool(brokers(runner))

            await until(is_up, 60)
            (first,) = brokers(runner)
            first.kill()

            async def is_up_again() -> bool:
                return any(one.pid != first.pid for one in brokers(runner))

            await until(is_up_again)
            left = brokers(runner)
        assert json.loads(printed[-1])["broker"] == f"Apache Kafka {VERSION}"
        assert address.startswith("127.0.0.1:")
        assert str(folder / "state" / "kafka") in line_of(printed)
        _, alive = psutil.wait_procs(left, timeout=0)
        assert alive == []


async def test_a_broker_that_cannot_start_keeps_nobody_from_being_watched_over() -> None:
    with temporary_state() as folder:
        state = folder / "state"
        (state / "kafka").mkdir(parents=True)
        (state / "kafka" / "data").write_text("in the way")
        with up(state, free_port(), kafka="on") as (process, printed):
            assert line_of(printed)
            assert process.poll() is None
        assert process.returncode == 0
        assert "Lonewatch follows the log meanwhile" in (folder / "errors").read_text()


def line_of(printed: list[str]) -> str:
    """Return the line that says what carries the events."""
    (line,) = (one for one in printed if one.startswith("Its events are carried by "))
    return line


def said(state: Path) -> str:
    """Return what the broker of an installation has said."""
    path = state / "logs" / "kafka.log"
    return path.read_text("utf-8", "replace") if path.exists() else ""
