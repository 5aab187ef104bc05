"""``lonewatch up`` and what its commands say when something is wrong, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from re import findall
from typing import Any

import httpx2
import psutil
import pytest
import typer

from deploy.database import ROOT, SERVICES
from deploy.local.installation import free_port
from deploy.policy.files import load_policy
from deploy.terminal import run as run_to_its_end
from shared.runtime.schema import ChangedMigrationError
from tests.support.postgres import temporary_state
from tests.support.sinks import WebhookSink, arrivals

ENDED_WITHIN = 60.0
TOKEN = "lw_"

Process = subprocess.Popen[str]


def command(*arguments: str) -> list[str]:
    """Return the command line of the installed command."""
    found = shutil.which("lonewatch", path=str(Path(sys.executable).parent))
    assert found is not None, "the command is installed beside this Python"
    return [found, *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without a terminal and without settings of ours."""
    environment = {"PATH": "/usr/bin:/bin", "LONEWATCH_KAFKA": "off"}
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def refused(*arguments: str) -> str:
    """Run a command that must fail with a sentence; return the sentence."""
    done = run(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    return " ".join(done.stderr.split())


@contextmanager
def up(state: Path, port: int, *more: str, kafka: str = "off") -> Iterator[tuple[Process, list[str]]]:
    """Run ``lonewatch up --json``; yield it with what it printed, once it is ready. It is ended as Ctrl-C does."""
    arguments = ("up", "--json", "--port", str(port), "--state", str(state), *more)
    with (
        (state.parent / "errors").open("a") as errors,
        subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env={**os.environ, "LONEWATCH_KAFKA": kafka, "LONEWATCH_KAFKA_BOOTSTRAP": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        printed: list[str] = []
        try:
            for line in process.stdout:
                printed.append(line)
                if line.startswith("{"):
                    break
            yield process, printed
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(ENDED_WITHIN)


@dataclass(frozen=True)
class Started:
    """An installation that was started, ended and started again with two replicas of every service, and runs."""

    state: Path
    url: str
    token: str
    first: list[str]
    """What the first start printed."""
    second: list[str]
    exit_code: int | None
    """Of the first start."""
    children: int
    """Processes that the first start had begun."""
    left: list[str]
    """Names of those that were still there after its end."""


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """An installation on its second start."""
    port = free_port()
    with temporary_state() as folder:
        with up(folder / "state", port) as (process, first):
            children = psutil.Process(process.pid).children(recursive=True)
        _, alive = psutil.wait_procs(children, timeout=0)
        left = [one.name() for one in alive]
        with up(folder / "state", port, "--replicas", "2") as (_, second):
            described = json.loads(first[-1])
            yield Started(
                folder / "state",
                described["url"],
                described["first_administrator"],
                first,
                second,
                process.returncode,
                len(children),
                left,
            )


def test_the_first_administrators_token_is_shown_at_the_first_start_only(started: Started) -> None:
    assert started.token.startswith(TOKEN)
    assert [line.strip() for line in started.first].count(started.token) == 1
    assert TOKEN not in "".join(started.second)
    assert json.loads(started.second[-1])["first_administrator"] is None


def test_ctrl_c_ends_everything_in_order_and_leaves_no_process(started: Started) -> None:
    assert started.exit_code == 0
    assert started.children > len(SERVICES)
    assert started.left == []


def test_every_service_has_its_replicas_and_each_of_them_a_file_of_its_own_for_its_lines(started: Started) -> None:
    files = {path.name for path in (started.state / "logs").iterdir()}
    assert files == {f"{service}-{number}.log" for service in SERVICES for number in (1, 2)} | {"front.log"}
    for service in SERVICES:
        for number in (1, 2):
            text = (started.state / "logs" / f"{service}-{number}.log").read_text()
            lines = [json.loads(line) for line in text.splitlines()]
            assert {line["replica"] for line in lines} == {str(number)}


def test_each_service_describes_its_interface_at_one_address(started: Started) -> None:
    for service in SERVICES:
        described = httpx2.get(f"{started.url}/{service}/openapi.json", timeout=20, trust_env=False).json()
        assert described["info"]["title"] == f"Lonewatch {service}"
        assert described["paths"]
        assert f"{started.url}/{service}/openapi.json" in "".join(started.first)


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused("up", "--port", str(port), "--state", str(tmp_path / "state"))
    assert f"Port {port}" in sentence
    assert "--port" in sentence
    assert not (tmp_path / "state").exists()


def test_a_second_runner_on_the_same_folder_is_refused(started: Started) -> None:
    sentence = refused("up", "--port", str(free_port()), "--state", str(started.state))
    assert "Another Lonewatch runs on" in sentence
    assert "--state" in sentence
    assert httpx2.get(f"{started.url}/checkin/readyz", timeout=20, trust_env=False).is_success


def test_another_wrapping_key_keeps_it_from_starting_and_says_why() -> None:
    with temporary_state() as folder:
        with up(folder / "state", free_port()):
            pass
        (folder / "state" / "wrapping.key").write_text("0" * 64)
        done = run("up", "--port", str(free_port()), "--state", str(folder / "state"))
    assert done.returncode == 1
    assert "does not start" in done.stderr
    assert "LONEWATCH_WRAPPING_KEY_FILE" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--port", "70000"),
        ("up", "--port", "-1"),
        ("up", "--state", "README.md"),
        ("up", "--replicas", "0"),
        ("up", "--replicas", "10"),
        ("demo", "--speed", "nan"),
        ("demo", "--speed", "0.5"),
        ("demo", "--policy", "nothing-of-that-name"),
        ("demo", "--policy", "README.md"),
        ("demo", "--policy", "policies"),
        ("timeline", "v1", "--token", "bäd"),
        ("call", "G T", "/checkin/"),
        ("call", "POST", "/checkin/visits", "{"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_an_error_is_an_object_too_where_one_was_asked_for(started: Started) -> None:
    done = run("timeline", "nobody-knows-it", "--url", started.url, "--token", started.token, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["error"] == "visit_unknown"


@pytest.mark.parametrize(
    "error", [ChangedMigrationError("a migration was changed"), OSError(28, "No space left", "the state folder")]
)
def test_what_ends_a_command_is_said_in_a_sentence_and_in_an_object(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        run_to_its_end(work(), as_json=True)
    said = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert said.err.startswith("error: ")
    assert json.loads(said.out)["detail"] in said.err


def test_a_timeline_that_cannot_be_shown_is_refused_with_a_sentence(started: Started) -> None:
    assert "token" in refused("timeline", "v1", "--url", started.url)
    assert "Authorization: Bearer" in refused("timeline", "v1", "--url", started.url, "--token", "lw_wrong")
    unknown = refused("timeline", "nobody-knows-it", "--url", started.url, "--token", started.token)
    assert "visit" in unknown
    nobody = refused("timeline", "v1", "--url", f"http://127.0.0.1:{free_port()}", "--token", started.token)
    assert "lonewatch up" in nobody


def test_json_is_one_object_on_the_last_line(started: Started) -> None:
    visit = planned(started)
    shown = run("timeline", visit, "--url", started.url, "--token", started.token, "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    found: dict[str, Any] = json.loads(shown.stdout.splitlines()[-1])
    assert found["summary"]["status"] == "planned"
    text = run("timeline", visit, "--url", started.url, "--token", started.token)
    assert f"Visit {visit}: planned" in " ".join(text.stdout.split())


def test_the_doctor_finds_no_error_in_a_running_installation_and_says_where_there_is_none(started: Started) -> None:
    done = run("doctor", "--state", str(started.state), "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is True
    assert "--state" in refused("doctor", "--state", str(started.state / "nothing"))
    nothing = run("doctor", "--state", str(started.state / "nothing"), "--json")
    assert (nothing.returncode, json.loads(nothing.stdout)["error"]) == (1, "no_installation")


def test_the_status_shows_every_replica_and_says_that_the_watch_is_not_impaired(started: Started) -> None:
    done = run("status", "--url", started.url, "--token", started.token, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {service: len(one["replicas"]) for service, one in found["services"].items()} == dict.fromkeys(SERVICES, 2)
    assert "The watch is not impaired." in done.stdout
    assert "lonewatch up" in refused("status", "--url", f"http://127.0.0.1:{free_port()}", "--token", started.token)


IMPAIRED = {"impaired": True, "why": ["notifier has not followed the log for 12 s"], "ring": "Ring 4711."}


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
async def test_the_status_of_an_impaired_watch_says_whom_to_ring_and_has_an_exit_code_of_its_own(
    started: Started, status: str
) -> None:
    shown = run("status", "--url", started.url, "--token", started.token, "--json")
    found = json.loads(shown.stdout.splitlines()[-1])
    refused_by_all = {"code": "unavailable", "detail": "The log cannot be reached."}
    body = json.dumps((found if status == "200 OK" else refused_by_all) | {"watch": IMPAIRED}).encode()

    async def impaired(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
        writer.close()

    async with await asyncio.start_server(impaired, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        done = await asyncio.to_thread(run, "status", "--url", url, "--token", started.token, "--json")
    assert done.returncode == 2, done.stderr
    assert "THE WATCH IS IMPAIRED: notifier has not followed the log for 12 s" in done.stdout
    assert "Ring 4711." in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["watch"] == IMPAIRED


async def test_a_test_alarm_ends_well_once_the_person_says_that_it_reached_them(
    started: Started, tmp_path: Path
) -> None:
    asking = ("test-alarm", "tess", "--url", started.url, "--token", started.token)
    async with (
        WebhookSink(tmp_path / "webhooks.jsonl") as sink,
        httpx2.AsyncClient(timeout=20, trust_env=False) as client,
    ):
        headers = {"Authorization": f"Bearer {started.token}"}
        tess = {"worker_id": "tess", "site_id": "operator", "name": "Tess Tern"}
        points = {"contact_points": [{"channel": "webhook", "address": f"{sink.url}/tess", "secret": "made-up-secret"}]}
        workers = f"{started.url}/checkin/workers"
        assert (await client.post(workers, json=tess, headers=headers)).is_success
        assert (await client.put(f"{workers}/tess/contact-points", json=points, headers=headers)).is_success

        unheard = await asyncio.to_thread(run, *asking, "--wait", "0")
        heard = asyncio.create_task(asyncio.to_thread(run, *asking, "--wait", "40", "--json"))
        second = (await arrivals(sink, 2))[1]
        (page,) = findall(rf"{started.url}/notifier/t/[^\s\"\\]+", second["raw"])
        assert (await client.get(page)).is_success
        assert not heard.done(), "looking says nothing"
        assert (await client.post(page)).is_success
        done = await heard
    assert unheard.returncode == 1
    assert "Nobody has said within 0 s that it reached them" in unheard.stderr
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["reached_at"]
    assert "It reached tess at " in done.stdout


def test_a_test_alarm_for_nobody_is_refused_with_a_sentence(started: Started) -> None:
    assert refused("test-alarm", "nobody", "--url", started.url, "--token", started.token, "--wait", "0")


def test_a_policy_file_is_checked_without_a_server(tmp_path: Path) -> None:
    good = run("policy", "check", "policies/stepping-stones.toml", "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout.splitlines()[-1])["ok"] is True
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('policy_id = "x"\n')
    bad = run("policy", "check", str(wrong))
    assert bad.returncode == 1
    assert "wrong.toml:1: check_ins: is missing" in bad.stderr
    assert "Traceback" not in bad.stderr


def planned(started: Started) -> str:
    """Plan a visit by the first administrator; return its id."""
    rules = load_policy(ROOT / "policies" / "stepping-stones.toml")
    headers = {"Authorization": f"Bearer {started.token}"}
    with httpx2.Client(base_url=f"{started.url}/checkin", headers=headers, timeout=20, trust_env=False) as admin:
        for path, body in (
            ("/policies", rules.model_dump(mode="json")),
            ("/sites", {"site_id": "quay", "name": "Quay", "policy_id": rules.policy_id}),
            ("/workers", {"worker_id": "ada", "site_id": "quay", "name": "Ada Byrne"}),
        ):
            assert admin.post(path, json=body).is_success
        visit = {"site_id": "quay", "worker_id": "ada", "kind": "one_to_one"}
        times = {"starts_at": "2100-01-04T09:00:00Z", "expected_end_at": "2100-01-04T10:00:00Z"}
        visit_id: str = admin.post("/visits", json={**visit, **times}).json()["visit_id"]
        return visit_id
