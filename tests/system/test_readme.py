"""The README's commands, run as they stand on real installations. Only ``make test`` is not: it would run this.

What is replaced: the address and the token, in the two ``export`` lines; and the arguments of ``make demo`` and
``make up``, so that they take a free port, keep their state apart and say in JSON what became of them.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.database import ROOT
from deploy.local.installation import free_port
from deploy.local.kafka.jars import VERSION, libs
from tests.support.postgres import temporary_state

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (LONEWATCH_\w+)=.*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)")
PLACE = re.compile(r"`((?:deploy|docs|policies|services|shared|tests)/[\w./-]*)`")
OUTSIDE_THE_SCRIPT = ["make demo\n", "make test\n", "make up\n"]
MOST_LINES = 150
DEMO_WITHIN = 150.0
SCRIPT_WITHIN = 60.0
ENDED_WITHIN = 60.0

TOLD_WITHIN = timedelta(seconds=3)
"""From a deadline, or a call for help, to the first attempt to tell somebody: three looks of 250 ms, and a busy machine."""


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def blocks() -> list[str]:
    return BLOCK.findall(readme())


def script(values: Mapping[str, str]) -> str:
    """Return every command but make's as one script, with the README's exported values replaced by ours."""
    commands = "".join(block for block in blocks() if block not in OUTSIDE_THE_SCRIPT)
    return EXPORT.sub(lambda found: f"export {found[1]}='{values[found[1]]}'", commands)


def program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"the README needs {name}"
    return found


def environment(state: Path) -> dict[str, str]:
    """Return this environment without what a make that runs these tests, or a Lonewatch, has put there."""
    strange = re.compile(r"LONEWATCH_|MAKE|MFLAGS$|ARGS$")
    kept = {name: value for name, value in os.environ.items() if not strange.match(name)}
    return {**kept, "LONEWATCH_STATE": str(state)}


@contextmanager
def make(target: str, arguments: str, state: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run ``make target`` with arguments; end it as Ctrl-C does. Never sets up .venv anew: that is not what is tested."""
    command = [program("make"), "-o", ".venv/.ready", target, f"ARGS={arguments}"]
    with (
        (state / "errors").open("w") as errors,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(state),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(ENDED_WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def said(state: Path) -> str:
    return (state / "errors").read_text()


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter even when root tests."""
    with temporary_state() as folder:
        yield folder


def test_every_command_of_the_readme_is_run_but_make_test() -> None:
    found = blocks()
    run = script({"LONEWATCH_URL": "URL", "LONEWATCH_TOKEN": "TOKEN"})
    assert [block for block in found if block.startswith("make ")] == OUTSIDE_THE_SCRIPT
    assert "make " not in run
    left = {line for block in found if block not in OUTSIDE_THE_SCRIPT for line in block.splitlines()}
    assert {line for line in left if line not in run.splitlines()} == {
        "export LONEWATCH_URL=http://127.0.0.1:8080",
        "export LONEWATCH_TOKEN=lw_…",
    }


def test_what_the_documents_point_to_is_there() -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    pointed = [(one, one.parent / link) for one in documents for link in LINK.findall(one.read_text("utf-8"))]
    pointed += [(one, ROOT / place) for one in documents for place in PLACE.findall(one.read_text("utf-8"))]
    assert len(pointed) > len(documents)
    assert [f"{one.name}: {target}" for one, target in pointed if not target.exists()] == []


def test_the_readme_is_short() -> None:
    assert len(readme().splitlines()) <= MOST_LINES


def test_the_demo_tells_its_story_and_nobody_waits_long_to_be_told(state: Path) -> None:
    with make("demo", "--exit --json", state) as demo:
        printed, _ = demo.communicate(timeout=DEMO_WITHIN)
    assert demo.returncode == 0, f"{printed}\n{said(state)}"
    report: dict[str, Any] = json.loads(printed.splitlines()[-1])
    assert report["broker"] == (f"Apache Kafka {VERSION}" if libs().is_dir() and shutil.which("java") else "none")
    assert report["policy"] == "stepping-stones"
    assert sorted(visit["outcome"] for visit in report["visits"]) == ["ended_well", "helped", "missed_then_safe"]
    assert report["positions"] > len(report["visits"])
    escalations = report["escalations"]
    assert sorted(one["trigger"] for one in escalations) == ["check_in_missed", "help"]
    for one in escalations:
        opened_at, first_attempt_at, acknowledged_at, resolved_at = (
            datetime.fromisoformat(one[name])
            for name in ("opened_at", "first_attempt_at", "acknowledged_at", "resolved_at")
        )
        since = datetime.fromisoformat(one["due_at"]) if one["due_at"] else opened_at
        assert timedelta(0) <= first_attempt_at - since <= TOLD_WITHIN, one
        assert opened_at < acknowledged_at < resolved_at, one
        assert one["steps"], one


def test_a_first_visit_by_hand_goes_as_the_readme_says(state: Path) -> None:
    port = free_port()
    with make("up", f"--json --port {port} --state {state / 'up'}", state) as up:
        assert up.stdout is not None
        described = next((line for line in up.stdout if line.startswith("{")), None)
        assert described is not None, said(state)
        token = json.loads(described)["first_administrator"]
        url = f"http://127.0.0.1:{port}"
        commands = script({"LONEWATCH_URL": url, "LONEWATCH_TOKEN": token})
        done = subprocess.run(
            [program("bash"), "-euo", "pipefail", "-c", commands + 'printf "%s" "$VISIT" >"$LONEWATCH_STATE/visit"\n'],
            cwd=ROOT,
            env=environment(state),
            capture_output=True,
            text=True,
            timeout=SCRIPT_WITHIN,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        visit_id = (state / "visit").read_text()
        bearer = {"Authorization": f"Bearer {token}"}
        visit = httpx2.get(f"{url}/checkin/visits/{visit_id}", headers=bearer, trust_env=False).json()
    assert visit["status"] == "ended"
    assert "Ada Byrne" in done.stdout
