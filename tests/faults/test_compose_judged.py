"""docker-compose.yml before the Compose specification's own parser, and before the program that Kafka's own image starts with.

A campaign: the parser is fetched as a Go module. The judges that cost nothing are asked at every landing (tests/architecture).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.installation import free_port, port_is_free
from deploy.local.kafka.jars import KafkaError, Programs, programs
from tests.support.broker import unavailable
from tests.support.campaign import PROVING
from tests.support.compose import dotenv, filled_in, project
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not PROVING, reason="the parser is fetched, and a broker started: make prove")

PARSER = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
"""The Compose specification's own parser, by the coordinates of its Go module."""

STARTS_WITHIN = 90.0
"""Seconds for a broker to listen on a busy machine; usually three."""


def parsed(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Have the parser read a file of this text. Skips without Go, which nothing else of ours needs."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed here")
    (folder / "docker-compose.yml").write_text(text, encoding="utf-8")
    line = [go, "run", PARSER, "docker-compose.yml"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


def test_the_compose_specifications_own_parser_takes_the_file(tmp_path: Path) -> None:
    said = parsed(filled_in(), tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert dotenv()["LONEWATCH_PUBLIC_URL"] in said.stdout


def test_the_parser_refuses_a_word_that_compose_does_not_know(tmp_path: Path) -> None:
    text = filled_in().replace("  mem_limit: 512m", "  memory_limit: 512m")
    assert text != filled_in()
    said = parsed(text, tmp_path)
    assert said.returncode != 0
    assert "memory_limit" in said.stderr


@pytest.fixture
def jars() -> Programs:
    """Apache Kafka's own programs, of the release that the file names."""
    try:
        return programs()
    except KafkaError as error:
        unavailable(str(error))


def given_to_kafka(data: Path, port: int, controller: int) -> dict[str, str]:
    """Return the environment that the file gives Kafka, on this machine's loopback in the place of the network's names."""
    moved = {"kafka:9092": f"127.0.0.1:{port}", "kafka:9093": f"127.0.0.1:{controller}"}
    moved |= {"://:9092": f"://127.0.0.1:{port}", "://:9093": f"://127.0.0.1:{controller}"}
    given = {name: str(value) for name, value in project()["services"]["kafka"]["environment"].items()}
    for name, value in given.items():
        for from_, to in moved.items():
            given[name] = given[name].replace(from_, to)
        assert not value.startswith("/") or name == "KAFKA_LOG_DIRS"
    return given | {"KAFKA_LOG_DIRS": str(data), "PATH": os.environ["PATH"]}


@contextmanager
def started(jars: Programs, settings: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    line = [str(jars.java), "-Xmx384m", "-cp", f"{jars.libs}/*", "kafka.Kafka", str(settings)]
    with output.open("wb") as lines:
        process = subprocess.Popen(line, cwd=output.parent, stdout=lines, stderr=lines)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


async def test_the_settings_of_kafka_make_a_broker_that_listens(jars: Programs, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("defaults", "mounted", "final", "data")}
    for folder in folders.values():
        folder.mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folders["defaults"] / name).touch()
    port = free_port()
    await asyncio.to_thread(set_up, jars, folders, given_to_kafka(folders["data"], port, free_port()))
    with started(jars, folders["final"] / "server.properties", tmp_path / "kafka.log") as process:

        async def listens() -> bool:
            assert process.poll() is None, (tmp_path / "kafka.log").read_text("utf-8")
            return not port_is_free(port)

        await until(listens, within=STARTS_WITHIN)


def set_up(jars: Programs, folders: dict[str, Path], environment: dict[str, str]) -> None:
    """Do what the image does at its start: make the settings out of the environment, and format the data."""
    line = [str(jars.java), "-Xmx256m", "-cp", f"{jars.libs}/*", "kafka.docker.KafkaDockerWrapper", "setup"]
    for option in ("default", "mounted", "final"):
        line += [f"--{option}-configs-dir", str(folders["defaults" if option == "default" else option])]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
