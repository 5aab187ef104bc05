"""The ``policy`` command, the identity of a policy, and scaled policies."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.policy.cli import app
from deploy.policy.files import PolicyError, canonical, load_policy, scaled, sha256
from deploy.policy.gaps import gaps
from deploy.policy.schema import schema_text
from shared.contracts.base import Cites
from shared.contracts.policy import Approval, Awaits, Gate, Policy
from shared.contracts.policy_words import span_text
from shared.contracts.roles import Role

FILE = Path(__file__).resolve().parents[3] / "policies" / "stepping-stones.toml"
COMMENCE = FILE.with_name("commence.toml")
POLICY = load_policy(FILE)
OURS = Cites(ours=True)


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args))
    return result.exit_code, result.stdout, result.stderr


def test_check_prints_each_step_with_its_time_its_roles_and_its_source() -> None:
    code, out, err = run("check", str(FILE))
    assert (code, err) == (0, "")
    assert "approved by: head_of_provision [S3 6.1, PL-01, RO-05]" in out
    assert "experience_and_training [S3 5, RA-01, RA-05, RA-11]" in out
    assert "feels_safe [ours, for S3 6.1, S3 6.2" in out
    assert "at the latest every: 30 minutes [ours, for S3 6.2, CI-02]" in out
    assert "  at once: a task for supervisor, then head_of_provision [S3 6.2" in out
    assert "    no_answer: supervisor_rings_again after 2 minutes [ours, for S3 6.2]" in out
    assert "  after 6 minutes: a task for head_of_provision, then dsl [S3 12" in out
    assert "  after 10 minutes: a task for supervisor, then head_of_provision, then dsl [S3 6.2" in out
    assert "  after 15 minutes: everyone of the site, again every 5 minutes [ours]" in out
    assert "  at once: head_of_provision and supervisor [S3 6.2" in out


def test_check_says_of_a_step_to_which_only_an_outcome_leads_that_it_has_no_time_of_its_own() -> None:
    _, out, _ = run("check", str(COMMENCE), "--json")
    assert "  by an outcome only: a task for line_manager, then senior_leader, then supervisor [ours" in out
    assert "    then waits: 10 minutes, then exhausted [ours]" in out
    steps = json.loads(out.splitlines()[-1])["ladders"]["check_in_missed"]["steps"]
    assert [step["after_seconds"] for step in steps] == [0, 600, 900, 1200, 1500, None]


def test_check_prints_what_is_awaited_beside_check_ins_and_from_when() -> None:
    _, out, _ = run("check", str(FILE))
    assert (
        "approval: overdue 30 minutes before the start, or 15 minutes after the plan where that is later [ours" in out
    )
    assert "start: overdue 20 minutes after the planned start, reminder 10 minutes after it [ours, for S3 6.2" in out
    assert "report: overdue 1 day after the end, reminder 4 hours after it [ours, for S3 6.4, PV-01]" in out
    assert "Escalation: report_overdue [S3 6.4]" in out


def test_check_names_what_is_ours_and_where_there_is_a_gap() -> None:
    _, out, _ = run("check", str(FILE))
    ours, gap = out.split("Left open by the text, so ours\n")[1].split("Gaps\n")
    assert "  check_ins.grace\n" in ours
    assert "  gate.questions\n" in ours
    assert "  gate.factors\n" not in ours
    assert "  ladders[2].steps[1].wait\n" in ours
    assert "nobody stands in for head_of_provision" in gap


def test_check_with_json_ends_with_one_object() -> None:
    code, out, _ = run("check", str(FILE), "--json")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["ok"], last["policy_id"], last["interval_seconds"]) == (0, True, "stepping-stones", 1800)
    assert [step["after_seconds"] for step in last["ladders"]["check_in_missed"]["steps"]] == [0, 180, 360, 600]
    assert last["awaits"]["start"] == {"remind_after_seconds": 600, "tell_after_seconds": 1200}
    assert last["awaits"]["approval"] == {"before_start_seconds": 1800, "after_plan_seconds": 900}
    assert last["sha256"] == sha256(POLICY)


def test_check_of_a_broken_file_exits_with_1_and_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(FILE.read_text(encoding="utf-8").replace('"30 minutes"', '"30 minuts"', 1), encoding="utf-8")
    code, out, err = run("check", str(broken), "--json")
    assert code == 1
    assert "check_ins.interval.span" in err
    last = json.loads(out.splitlines()[-1])
    assert last["ok"] is False
    assert len(last["problems"]) == 1


def test_schema_writes_the_schema_and_says_where_it_cannot(tmp_path: Path) -> None:
    code, _, _ = run("schema", "--out", str(tmp_path / "schema.json"))
    assert (code, (tmp_path / "schema.json").read_text(encoding="utf-8")) == (0, schema_text())
    code, _, err = run("schema", "--out", str(tmp_path))
    assert (code, "cannot be written" in err) == (1, True)


def test_what_a_policy_lacks_is_a_gap() -> None:
    poor = POLICY.model_copy(
        update={
            "approval": Approval(roles=(Role.DSL,), cites=Cites()),
            "gate": Gate(
                factors=(),
                factors_cites=OURS,
                valid_for=POLICY.gate.valid_for,
                dynamic_questions=(),
                questions_cites=OURS,
            ),
        }
    )
    assert [gap.split(": ")[0] for gap in gaps(poor)] == [
        "approval.roles",
        "approval.roles",
        "gate.factors",
        "gate.dynamic_questions",
        "approval",
    ]


def test_a_step_that_tells_somebody_who_may_not_act_is_a_gap() -> None:
    first = POLICY.ladders[0]
    told = first.steps[0].model_copy(update={"notify": (Role.AUDITOR,)})
    ladder = first.model_copy(update={"steps": (told, *first.steps[1:])})
    found = gaps(POLICY.model_copy(update={"ladders": (ladder, POLICY.ladders[1])}))
    assert "ladders[1].steps[1].notify: auditor is told and may not act on it" in found


def test_what_a_policy_does_not_await_is_a_gap() -> None:
    silent = POLICY.model_copy(update={"awaits": Awaits(start=POLICY.awaits.start)})
    found = [gap.split(": ")[0] for gap in gaps(silent)]
    assert found == ["approval.roles", "awaits.approval", "awaits.end", "awaits.report"]
    _, out, _ = run("check", str(FILE))
    assert "awaits." not in out.split("Gaps\n")[1]


def test_awaiting_something_without_a_ladder_of_its_own_is_a_gap() -> None:
    found = gaps(POLICY.model_copy(update={"ladders": POLICY.ladders[:2]}))
    assert "awaits.end: no ladder for end_overdue, so it goes by the one for a missed check-in" in found


def test_a_trigger_that_goes_by_the_ladder_of_another_is_a_gap() -> None:
    found = gaps(POLICY.model_copy(update={"ladders": POLICY.ladders[:2], "unsafe_ends": None, "clauses": {}}))
    for trigger in ("duress", "break_in", "unsafe", "safeguarding", "unplanned"):
        assert f"ladders: none for {trigger}, so it goes by the one for help" in found
    assert any(gap.startswith("unsafe_ends: ") for gap in found)
    assert any(gap.startswith("clauses: ") for gap in found)


@pytest.mark.parametrize(
    ("right", "wrong", "gap"),
    [
        (
            'calls = "emergency_services"\nscript = [\n  "Do not ring',
            'calls = "worker_mobile"\nscript = [\n  "Do not ring',
            "ladders[3].steps[1].task.calls: rings where somebody may overhear it, so under duress no number is shown",
        ),
        (
            'says = "They know already, and I keep watch", leads_to = "acknowledged"',
            'says = "They sound safe", leads_to = "resolved", how = "spoke_with_worker"',
            "ladders[3].steps[1].task.outcomes[2].how: is refused under duress, as the worker may be made to say it",
        ),
        (
            "instead = true\n",
            "",
            "ladders[3].instead: is not true, so the calls that run already go on ringing a worker who is",
        ),
        ('trigger = "help"\n', 'trigger = "help"\ninstead = true\n', "ladders[2].instead: stops the ladders that run"),
        (
            '{ code = "code_word", says = "Code word: they are in trouble", raises = "duress", cites.clauses',
            '{ code = "word", says = "Code word: they are in trouble", raises = "help", cites.clauses',
            "ladders[1].steps[1].task.code_words: are shown, and no outcome raises duress",
        ),
        (
            'leads_to = "ring_mobile_again", after = "5 minutes"',
            'leads_to = "ring_mobile_again", after = "10 minutes"',
            "ladders[1].steps[1].task.outcomes[2].after: as long as the step's wait, which comes first",
        ),
    ],
    ids=[
        "rings in duress",
        "ends duress by telephone",
        "rings on",
        "stops others",
        "code word in vain",
        "after in vain",
    ],
)
def test_a_ladder_that_may_endanger_somebody_or_does_nothing_is_a_gap(
    tmp_path: Path, right: str, wrong: str, gap: str
) -> None:
    content = COMMENCE.read_text(encoding="utf-8")
    assert right in content
    file = tmp_path / "operator.toml"
    file.write_text(content.replace(right, wrong, 1), encoding="utf-8")
    assert any(one.startswith(gap) for one in gaps(load_policy(file)))


def test_a_ladder_of_a_policy_for_lonewatch_itself_is_a_gap() -> None:
    ladder = POLICY.ladders[0].model_copy(update={"trigger": "system"})
    found = gaps(POLICY.model_copy(update={"ladders": (*POLICY.ladders, ladder)}))
    assert any(gap.startswith("ladders[12]: system is no trigger of a visit") for gap in found)


def test_a_policy_that_awaits_nothing_but_check_ins_says_nothing_of_it(tmp_path: Path) -> None:
    content = FILE.read_text(encoding="utf-8")
    file = tmp_path / "plain.toml"
    file.write_text(
        content[: content.index("[awaits.approval]")] + content[content.index("[[ladders]]") :], encoding="utf-8"
    )
    code, out, _ = run("check", str(file))
    assert (code, "Awaited beside check-ins" in out) == (0, False)


def test_the_canonical_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(
        "# a comment\n" + FILE.read_text(encoding="utf-8").replace("30 minutes", "PT30M"), encoding="utf-8"
    )
    assert canonical(load_policy(other)) == canonical(POLICY)
    assert Policy.model_validate_json(canonical(POLICY)) == POLICY
    assert sha256(POLICY) != sha256(scaled(POLICY, 2))


def test_a_scaled_policy_has_every_span_divided_and_a_name_of_its_own() -> None:
    fast = scaled(POLICY, 60)
    assert (fast.policy_id, fast.check_ins.interval.span) == ("stepping-stones-x60", timedelta(seconds=30))
    assert "60 times as fast" in fast.title
    assert [step.wait.total_seconds() for ladder in fast.ladders[:2] for step in ladder.steps] == [3, 3, 4, 5, 5, 5]
    task = fast.ladders[0].steps[0].task
    assert task is not None
    assert (task.take_within.span, task.finish_within.span) == (timedelta(seconds=1), timedelta(seconds=2))
    assert task.outcomes[1].after == timedelta(seconds=2)
    assert fast.awaits.approval is not None
    assert fast.awaits.approval.after_plan == timedelta(seconds=15)
    assert fast.awaits.report is not None
    assert (fast.awaits.report.remind_after, fast.awaits.report.tell_after) == (
        timedelta(minutes=4),
        timedelta(minutes=24),
    )
    assert fast.ladders[1].repeat_every.span == timedelta(seconds=5)
    assert fast.gate.valid_for.span == timedelta(days=365) / 60
    assert fast.ladders[0].steps[0].cites == POLICY.ladders[0].steps[0].cites


def test_a_policy_scaled_by_one_is_itself() -> None:
    assert scaled(POLICY, 1) is POLICY


@pytest.mark.parametrize("factor", [0, -1, 0.5, float("nan"), float("inf"), 1e15])
def test_a_factor_that_makes_no_sense_is_refused(factor: float) -> None:
    with pytest.raises(PolicyError):
        scaled(POLICY, factor)


@given(st.integers(min_value=1, max_value=10**7))
def test_a_span_reads_as_the_sum_of_its_parts(seconds: int) -> None:
    units = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    words = span_text(timedelta(seconds=seconds)).split()
    parts = zip(words[::2], words[1::2], strict=True)
    assert sum(int(count) * units[unit.removesuffix("s")] for count, unit in parts) == seconds
