"""``policy simulate`` plays a ladder through the real decider, and ``policy explain`` says whose rule each one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.policy.cli import WIDTH, app

COMMENCE = Path(__file__).resolve().parents[3] / "policies" / "commence.toml"
STEPPING_STONES = COMMENCE.with_name("stepping-stones.toml")


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args))
    return result.exit_code, result.stdout, result.stderr


def played(file: Path, *args: str) -> dict[str, Any]:
    code, out, err = run("simulate", str(file), *args, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def answers(*said: str) -> list[str]:
    return [part for one in said for part in ("--answer", one)]


def starts(story: dict[str, Any]) -> list[tuple[float, str]]:
    """Return when each step started, and its key."""
    rows = [row for row in story["rows"] if row["event"] == "escalation.step_started.v1"]
    return [(row["after_seconds"] / 60, row["what"].split(":")[0]) for row in rows]


def exhausted(story: dict[str, Any]) -> list[float]:
    return [row["after_seconds"] / 60 for row in story["rows"] if row["event"] == "escalation.exhausted.v1"]


def test_no_answer_anywhere_leads_from_call_to_call_and_to_the_line_manager_who_resolves_it() -> None:
    story = played(
        COMMENCE,
        *answers(
            "ring_mobile=no_answer@2m",
            "ring_mobile_again=no_answer@1m",
            "ring_contacts=left@3m",
            "ring_home=no_answer@90s",
            "line_manager=safe@2m30s",
        ),
    )
    assert starts(story) == [
        (0, "ring_mobile"),
        (7, "ring_mobile_again"),
        (8, "ring_contacts"),
        (11, "ring_home"),
        (12.5, "line_manager"),
    ]
    assert story["rows"][-1]["event"] == "escalation.resolved.v1"
    assert story["rows"][-1]["after_seconds"] == 15 * 60
    assert story["ending"] == "Over."
    assert story["undone"] == []


def test_the_five_minutes_are_shown_with_the_clause_that_has_them() -> None:
    story = played(COMMENCE, *answers("ring_mobile=no_answer@2m", "ring_mobile_again=safe"))
    [row] = [row for row in story["rows"] if "no_answer" in row["what"]]
    assert row["what"] == "ring_mobile: no_answer; ring_mobile_again in 5 minutes"
    assert (row["clauses"], row["ours"]) == (["S4-HV 3.14"], False)
    assert row["who"] == ["Ada (administrator)"]


def test_nobody_does_anything_and_it_goes_on_by_the_waits_alone_and_never_ends() -> None:
    roles = ("administrator", "supervisor", "line_manager", "senior_leader", "dsl")
    story = played(COMMENCE, *[part for role in roles for part in ("--absent", role)])
    assert starts(story) == [
        (0, "ring_mobile"),
        (10, "ring_mobile_again"),
        (15, "ring_contacts"),
        (20, "ring_home"),
        (25, "line_manager"),
    ]
    assert exhausted(story) == [35, 40, 45]
    assert story["ending"].startswith("From here it repeats itself")
    assert len(story["rows"][-1]["who"]) == len(roles)


def test_an_absent_administrator_costs_the_time_until_the_task_passes_on() -> None:
    story = played(COMMENCE, "--absent", "administrator", *answers("ring_mobile=safe@1m"))
    passed, taken = story["rows"][2:4]
    assert (passed["event"], passed["after_seconds"], passed["who"]) == (
        "escalation.task_passed_on.v1",
        120,
        ["Sam (supervisor)"],
    )
    assert (taken["event"], taken["after_seconds"], taken["who"]) == (
        "escalation.task_taken.v1",
        120,
        ["Sam (supervisor)"],
    )


def test_who_takes_a_task_and_does_not_finish_it_loses_it_to_the_others() -> None:
    story = played(COMMENCE, "--take", "ring_mobile=administrator@1m")
    passed = next(row for row in story["rows"] if row["event"] == "escalation.task_passed_on.v1")
    assert (passed["after_seconds"], "unfinished" in passed["what"]) == (4 * 60, True)


def test_a_code_word_starts_the_ladder_for_duress_instead_of_the_one_that_ran() -> None:
    story = played(COMMENCE, *answers("ring_mobile=code_word@1m", "duress.emergency_services=called@1m"))
    assert starts(story)[:2] == [(0, "ring_mobile"), (1, "emergency_services")]
    joined = next(row for row in story["rows"] if row["event"] == "escalation.joined.v1")
    assert joined["what"] == "duress joins: its ladder starts; the ladders before stop"
    assert "ring_mobile_again" not in [key for _, key in starts(story)]


def test_under_stepping_stones_nobody_who_answers_leads_to_emergency_services() -> None:
    told = ("supervisor_rings=no_answer@1m", "supervisor_rings_again=no_answer@1m", "head_of_provision=no_answer@1m")
    story = played(STEPPING_STONES, *answers(*told, "emergency_services=called@2m"))
    assert starts(story) == [
        (0, "supervisor_rings"),
        (3, "supervisor_rings_again"),
        (4, "head_of_provision"),
        (5, "emergency_services"),
    ]


def test_an_answer_that_comes_too_late_is_recorded_as_late_and_one_that_never_comes_is_named() -> None:
    story = played(COMMENCE, *answers("ring_mobile=no_answer@11m", "emergency_services=called"))
    assert any(row["what"] == "ring_mobile: no_answer, late" for row in story["rows"])
    assert story["undone"] == ["It never came to emergency_services=called."]


def test_an_acknowledgement_stops_the_ladder_until_it_runs_out() -> None:
    story = played(STEPPING_STONES, "--trigger", "help", "--acknowledge", "supervisor@2m")
    taken = next(row for row in story["rows"] if row["event"] == "escalation.acknowledged.v1")
    assert (taken["after_seconds"], taken["who"]) == (120, ["Sam (supervisor)"])
    assert starts(story) == [(0, "step 1"), (17, "emergency_services")]


def test_what_the_decider_refuses_is_a_row_that_says_why() -> None:
    story = played(COMMENCE, "--take", "ring_mobile=administrator", "--take", "ring_mobile=supervisor@1m")
    [row] = [row for row in story["rows"] if row["event"] == "refused"]
    assert row["what"].startswith("ring_mobile=supervisor is refused: Somebody else has this task")


def test_the_table_has_times_people_and_clauses_and_fits_a_page() -> None:
    code, out, _ = run("simulate", str(COMMENCE), "--at", "15:30", *answers("ring_mobile=safe@2m"))
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= WIDTH
    assert out.splitlines()[0].split() == ["after", "at", "what", "who", "clause"]
    assert "0:02:00  15:32:00  ring_mobile: safe" in out
    assert "Ada (administrator)" in out
    assert "S4-HV 3.12" in out


@pytest.mark.parametrize(
    "trigger", ["help", "duress", "safeguarding", "unsafe", "break_in", "unplanned", "end_overdue"]
)
@pytest.mark.parametrize("file", [COMMENCE, STEPPING_STONES], ids=lambda file: file.stem)
def test_every_trigger_can_be_played_and_is_never_silent(file: Path, trigger: str) -> None:
    story = played(file, "--trigger", trigger)
    assert story["rows"][0]["event"] == "escalation.opened.v1"
    assert len(exhausted(story)) == 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--trigger", "sytem"], "sytem: is no trigger of a visit"),
        (["--trigger", "system"], "system: is no trigger of a visit"),
        (
            ["--answer", "ring_mobil=safe"],
            "there is no step ring_mobil (did you mean ring_mobile?); it may be ring_mobile,",
        ),
        (
            ["--answer", "ring_mobile=sage"],
            "ring_mobile has no outcome sage (did you mean safe?); it may be safe, no_answer,",
        ),
        (["--answer", "duress.told=safe"], "told tells people and asks for nothing; answer a step that is a task"),
        (["--answer", "help.line_manager=safe"], "help does not start here; it may be check_in_missed, duress"),
        (["--answer", "ring_mobile"], "cannot be read; write it as ring_mobile=no_answer@2m"),
        (["--answer", "ring_mobile=safe@2"], "2 is no time; write hours, minutes and seconds as 1h, 2m, 90s or 2m30s"),
        (["--answer", "ring_mobile=safe@99999h"], "is longer than a ladder runs; take at most 366 days"),
        (["--take", "ring_mobile=boss"], "boss: is no role that may act"),
        (["--take", "ring_mobile=dsl", "--absent", "dsl"], "dsl is absent and does nothing"),
        (["--absent", "worker"], "worker: is no role that may act"),
        (["--acknowledge", "boss@1m"], "boss: is no role that may act"),
        (["--acknowledge", "dsl@soon"], "dsl@soon: soon is no time"),
        (["--at", "noon"], "noon: is no time of day; write it as 15:30"),
        (["--at", "9999-12-31T23:59"], "is no time of day"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_what_to_write_instead(args: list[str], words: str) -> None:
    code, out, err = run("simulate", str(COMMENCE), *args, "--json")
    assert (code, words in err) == (1, True), err
    assert json.loads(out)["ok"] is False


def test_explain_says_of_each_rule_whether_it_is_the_policys_own_or_ours() -> None:
    code, out, _ = run("explain", str(COMMENCE), "--json")
    assert code == 0
    rules = {rule["at"]: rule for rule in json.loads(out.splitlines()[-1])["rules"]}
    after = rules["ladders[1].steps[1].task.outcomes[2].after"]
    assert (after["says"], after["whose"]) == ("5 minutes to ring_mobile_again", "the policy's own")
    assert after["clauses"] == {"S4-HV 3.14": "no answer: the administrator tries again after 5 minutes"}
    assert after["requirements"] == ["M-05"]
    assert rules["ladders[1].steps[1].wait"]["whose"] == "ours"
    assert rules["check_ins.grace"]["whose"] == "ours, where the policy leaves it open"
    assert rules["gate.factors"]["says"].startswith("environment, context")
    assert rules["approval"]["says"] == "line_manager"


def test_explain_of_one_trigger_has_its_ladder_only_and_fits_a_page() -> None:
    code, out, _ = run("explain", str(COMMENCE), "--trigger", "duress")
    assert code == 0
    paths = [line for line in out.splitlines() if not line.startswith(" ")]
    assert paths[0] == "ladders[3]"
    assert all(path.startswith("ladders[3]") for path in paths)
    assert max(len(line) for line in out.splitlines()) <= WIDTH


def test_explain_refuses_an_unknown_trigger_and_a_broken_file(tmp_path: Path) -> None:
    code, _, err = run("explain", str(COMMENCE), "--trigger", "hepl")
    assert (code, "hepl: is no trigger of a visit (did you mean help?)" in err) == (1, True)
    broken = tmp_path / "broken.toml"
    broken.write_text("title = 1\n", encoding="utf-8")
    for command in ("explain", "simulate"):
        code, _, err = run(command, str(broken))
        assert (code, f"{broken}:1: title: " in err) == (1, True)
