"""Which Kafka an installation takes, how its jars are fetched, and what is said where there is none."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import jars
from deploy.local.kafka.__main__ import IF_POSSIBLE, main
from deploy.local.kafka.carrier import carrier
from deploy.local.kafka.configuration import Node, several
from deploy.local.ports import HOST
from deploy.local.readiness import NotReadyError

MAVEN = """#!/bin/sh
PATH=/usr/bin:/bin
echo called >>"$CALLS"
for one in "$@"; do case $one in -DoutputDirectory=*) folder=${one#*=} ;; esac; done
mkdir -p "$folder" && touch "$folder/kafka_2.13-VERSION.jar" "$folder/scala-library.jar"
"""


class Machine:
    """A machine of a test's own: what it finds as Java and as Maven, and where jars are kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"
        self.state = folder / "state"
        monkeypatch.setattr(jars, "FOLDER", folder / "kafka")
        monkeypatch.setenv("PATH", str(self.bin))  # and nothing else: what this machine has is hidden
        monkeypatch.setenv("CALLS", str(self.calls))
        for name in ("JAVA_HOME", "LONEWATCH_KAFKA", "LONEWATCH_KAFKA_BOOTSTRAP"):
            monkeypatch.delenv(name, raising=False)

    def has(self, name: str, text: str) -> None:
        """Put a program there."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def has_java(self, release: str) -> None:
        """Put a Java there that says it is of a release."""
        self.has("java", f"#!/bin/sh\necho 'openjdk version \"{release}\" 2026-01-01' >&2\n")

    def has_maven(self, text: str = MAVEN) -> None:
        """Put a Maven there that does what it is asked, or something else."""
        self.has("mvn", text.replace("VERSION", jars.VERSION))

    @property
    def fetched(self) -> int:
        """How often Maven was called."""
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without Java and Maven."""
    return Machine(tmp_path, monkeypatch)


@contextmanager
def broker_in_place_of(node: Node) -> Iterator[None]:
    """A process that is known as this node's, and does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()", node.properties], stdin=subprocess.PIPE)
    (node.folder / "pid").write_text(f"{process.pid}\n")
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def quiet(_: str) -> None:
    """Say nothing."""


def test_switched_off_is_the_log_alone_whatever_else_is_there(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()

    chosen = carrier(machine.state, {"LONEWATCH_KAFKA": "off", "LONEWATCH_KAFKA_BOOTSTRAP": "there:9092"})

    assert chosen.sentence == "the log alone: LONEWATCH_KAFKA=off"
    assert chosen.broker == "none"
    assert chosen.settings == {"LONEWATCH_KAFKA": "off"}
    assert chosen.node is None


def test_a_switch_that_is_neither_on_nor_off_is_refused(machine: Machine) -> None:
    with pytest.raises(NotReadyError, match="must be on or off, not 'of'"):
        carrier(machine.state, {"LONEWATCH_KAFKA": "of"})


def test_a_given_broker_comes_before_one_of_our_own_and_brings_its_settings(machine: Machine) -> None:
    machine.has_java("21")
    machine.has_maven()

    chosen = carrier(
        machine.state,
        {
            "LONEWATCH_KAFKA_BOOTSTRAP": "there:9092",
            "LONEWATCH_KAFKA_SECURITY": "ssl",
            "LONEWATCH_RELAY_MOST_PER_SECOND": "5",
            "LONEWATCH_TOKEN": "lw_secret",
        },
    )

    assert chosen.sentence == "Kafka at there:9092 (LONEWATCH_KAFKA_BOOTSTRAP)"
    assert chosen.settings == {
        "LONEWATCH_KAFKA": "on",
        "LONEWATCH_KAFKA_BOOTSTRAP": "there:9092",
        "LONEWATCH_KAFKA_SECURITY": "ssl",
        "LONEWATCH_RELAY_MOST_PER_SECOND": "5",
    }
    assert chosen.node is None


@pytest.mark.parametrize("release", ["11.0.2", "1.8.0_392"])
def test_a_java_that_is_too_old_is_none(machine: Machine, release: str) -> None:
    machine.has_java(release)
    machine.has_maven()
    assert carrier(machine.state, {}).sentence == "the log alone: no Java 17 on this machine"


def test_without_maven_and_without_jars_the_log_is_followed(machine: Machine) -> None:
    machine.has_java("17.0.1")
    assert carrier(machine.state, {}).sentence.startswith("the log alone: no Maven on this machine")


def test_one_that_has_to_be_fetched_is_promised_and_not_counted_on(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()

    chosen = carrier(machine.state, {})

    assert chosen.node is not None
    assert chosen.settings["LONEWATCH_KAFKA_BOOTSTRAP"] == chosen.node.address
    assert chosen.sentence.endswith(", as soon as it is fetched")
    assert chosen.broker == "none"
    assert machine.fetched == 0


def test_one_of_our_own_keeps_its_address_and_speaks_without_a_password(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()
    jars.fetch(quiet)

    first, second = (carrier(machine.state, {"LONEWATCH_KAFKA_SECURITY": "ssl"}) for _ in range(2))

    assert first.node is not None
    assert first.broker == f"Apache Kafka {jars.VERSION}"
    assert first.sentence.startswith(f"Apache Kafka {jars.VERSION} at {first.node.address} (its own files in ")
    assert first.settings == {"LONEWATCH_KAFKA": "on", "LONEWATCH_KAFKA_BOOTSTRAP": first.node.address}
    assert second == first


def test_a_second_runner_leaves_the_ports_of_a_broker_that_runs_as_they_are(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()
    node = carrier(machine.state, {}).node
    assert node is not None
    held = (machine.state / "kafka" / "ports").read_text()
    with socket.create_server((HOST, node.port)), broker_in_place_of(node):
        again = carrier(machine.state, {})

    assert again.node == node
    assert (machine.state / "kafka" / "ports").read_text() == held


def test_a_port_that_somebody_else_has_taken_meanwhile_is_exchanged_for_another(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()
    node = carrier(machine.state, {}).node
    assert node is not None
    with socket.create_server((HOST, node.port)):
        again = carrier(machine.state, {}).node

    assert again is not None
    assert again.port != node.port
    assert (machine.state / "kafka" / "ports").read_text() == f"{again.port} {again.voters[0]}\n"


def test_no_connection_is_ever_lent_the_port_of_a_broker_that_is_away(tmp_path: Path) -> None:
    lent = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first, last = (int(one) for one in lent.read_text().split()) if lent.exists() else (49152, 65535)

    ports = {port for node in several(tmp_path, 3) for port in (node.port, *node.voters)}

    assert len(ports) == 6
    assert not ports & set(range(first, last + 1))


def test_java_home_comes_before_the_path(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.has_java("11.0.2")
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"21.0.4\"' >&2\n")
    (home / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))

    assert jars.java() == home / "bin" / "java"


def test_whoever_comes_second_waits_for_the_first_and_maven_is_asked_once(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()

    with ThreadPoolExecutor(3) as runners:
        found = list(runners.map(jars.fetch, [quiet] * 3))

    assert {one.libs for one in found} == {jars.libs()}
    assert found[0].version == jars.VERSION
    assert machine.fetched == 1


def test_half_of_the_jars_is_none_of_them(machine: Machine) -> None:
    machine.has_java("17.0.1")
    machine.has_maven(
        '#!/bin/sh\nPATH=/usr/bin:/bin\nmkdir -p "${7#*=}"\ntouch "${7#*=}/one.jar"\necho "[ERROR] no line to anywhere"\nexit 1\n'
    )

    with pytest.raises(jars.KafkaError, match=r"could not fetch Apache Kafka .*no line to anywhere"):
        jars.fetch(quiet)
    assert not jars.libs().exists()

    machine.has_maven()
    assert jars.fetch(quiet).libs == jars.libs()


def test_the_set_up_of_make_is_no_reason_to_stop_and_make_kafka_says_what_is_missing(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([IF_POSSIBLE]) == 0
    assert capsys.readouterr().err == ""
    assert main([]) == 1
    assert capsys.readouterr().err == "error: no Java 17 on this machine.\n"

    machine.has_java("17.0.1")
    machine.has_maven("#!/bin/sh\necho '[ERROR] no line to anywhere'\nexit 1\n")
    assert main([IF_POSSIBLE]) == 0
    assert "Lonewatch follows its log without it" in capsys.readouterr().err


def test_the_set_up_of_make_fetches_nothing_that_nobody_would_use(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has_java("17.0.1")
    machine.has_maven()
    monkeypatch.setenv("LONEWATCH_KAFKA", "off")
    assert main([IF_POSSIBLE]) == 0
    assert machine.fetched == 0

    monkeypatch.delenv("LONEWATCH_KAFKA")
    assert main([IF_POSSIBLE]) == 0
    assert machine.fetched == 1
