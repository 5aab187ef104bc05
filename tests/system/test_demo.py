"""``lonewatch demo`` under the second policy, as a process of its own; its log is then judged from outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.database import LOG_DATABASE, ROOT
from deploy.local import postgres
from deploy.local.installation import free_port
from tests.faults.checker import check
from tests.support.postgres import temporary_state

SPEED = "150"
"""Faster than the demo's own, so that the story takes half a minute, and slow enough for people to act in a step's time."""

WITHIN = 120.0

RING_MOBILE = "Ring the worker's mobile: has the visit finished, and are they safe?"
"""The first step of the policy's ladder for a missed check-in."""


@dataclass(frozen=True)
class Played:
    """A demo that was played to its end: what it printed, and the folder that it left."""

    folder: Path
    printed: str
    report: dict[str, Any]

    def escalations(self, outcome: str) -> list[dict[str, Any]]:
        """Return what became of the escalations of the visit with this outcome."""
        visits = {visit["outcome"]: visit["id"] for visit in self.report["visits"]}
        return [one for one in self.report["escalations"] if one["visit_id"] == visits[outcome]]

    def done(self, outcome: str) -> list[tuple[str, str, str]]:
        """Return the tasks that were done for that visit: ladder and step, by whom, and what came of it."""
        tasks = [task for one in self.escalations(outcome) for task in one["tasks"] if task["done_at"]]
        return [(f"{one['ladder_no']}-{one['step']}", one["done_by"], one["outcome"]) for one in tasks]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """The story of the second policy, played by the installed command and ended by itself."""
    found = shutil.which("lonewatch", path=str(Path(sys.executable).parent))
    assert found is not None, "the command is installed beside this Python"
    arguments = ("demo", "--policy", "commence", "--exit", "--json", "--speed", SPEED, "--port", str(free_port()))
    with temporary_state() as folder:
        environment = {"PATH": os.environ["PATH"], "LONEWATCH_KAFKA": "off", "LONEWATCH_STATE": str(folder)}
        done = subprocess.run(
            [found, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=WITHIN, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        yield Played(folder / "demo", done.stdout, json.loads(done.stdout.splitlines()[-1]))


async def test_nothing_that_must_never_break_was_broken(played: Played) -> None:
    server = postgres.start(played.folder / "postgres")
    try:
        sinks = [played.folder / "mail.jsonl", played.folder / "webhooks.jsonl"]
        violations = await check(server.dsn(database=LOG_DATABASE), sinks=sinks)
    finally:
        postgres.stop(server)
    assert violations == []


def test_every_visit_of_the_second_policy_comes_to_its_end(played: Played) -> None:
    assert played.report["policy"] == "commence"
    outcomes = sorted(visit["outcome"] for visit in played.report["visits"])
    assert outcomes == ["code_word", "duress_pin", "ended_well", "left_and_found_safe"]
    assert played.escalations("ended_well") == []
    for one in played.report["escalations"]:
        assert datetime.fromisoformat(one["opened_at"]) < datetime.fromisoformat(one["resolved_at"]), one


def test_the_home_visit_goes_call_by_call_until_the_line_manager_confirms_that_she_is_safe(played: Played) -> None:
    assert played.done("left_and_found_safe") == [
        ("1-1", "noor", "no_answer"),
        ("1-2", "noor", "no_answer"),
        ("1-3", "noor", "left"),
        ("1-4", "noor", "no_answer"),
        ("1-5", "lena", "safe"),
    ]
    (escalation,) = played.escalations("left_and_found_safe")
    asked = next(task for task in escalation["tasks"] if task["outcome"] == "left")
    assert datetime.fromisoformat(asked["left_at"]) < datetime.fromisoformat(asked["done_at"])
    for clause in ("S4-HV 3.12", "S4-HV 3.14", "S4-HV 3.15", "S4-HV 3.16"):
        assert clause in played.printed


def test_the_code_word_stops_the_calls_and_has_emergency_services_called(played: Played) -> None:
    assert played.done("code_word") == [("1-1", "noor", "code_word"), ("2-1", "lena", "called")]
    (escalation,) = played.escalations("code_word")
    assert escalation["trigger"] == "check_in_missed"
    assert [step["name"] for step in escalation["steps"] if step["ladder_no"] == 1] == [RING_MOBILE]
    assert next(task["called_at"] for task in escalation["tasks"] if task["outcome"] == "called")


def test_the_duress_pin_raises_the_alarm_and_the_device_shows_nothing_of_it(played: Played) -> None:
    assert played.done("duress_pin") == [("1-1", "omar", "called")]
    (escalation,) = played.escalations("duress_pin")
    assert escalation["trigger"] == "duress"
    assert "her phone shows what it showed before" in played.printed
    assert "the timeline that dora may read says nothing of it" in played.printed
