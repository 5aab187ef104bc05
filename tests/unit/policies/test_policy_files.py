"""The policy files of this project fit the contract and the JSON Schema, and say what their text says."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from deploy.policy.files import load_policy
from deploy.policy.gaps import gaps
from deploy.policy.schema import SCHEMA_PATH, policy_schema, schema_text
from shared.contracts.ladders import AWAITED, Ladder, Step, Trigger
from shared.contracts.policy import Policy
from shared.contracts.policy_rules import problems_of
from shared.contracts.roles import Role

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "policies").glob("*.toml"))

STEPPING_STONES, COMMENCE = (ROOT / "policies" / f"{name}.toml" for name in ("stepping-stones", "commence"))

every_policy = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def who_of(ladder: Ladder) -> list[tuple[str | None, tuple[Role, ...]]]:
    """Return each step's key and whom it tells or gives a task."""
    return [(step.key, step.task.who if step.task else step.notify) for step in ladder.steps]


def test_the_policies_of_stepping_stones_and_of_commence_are_there() -> None:
    assert {"stepping-stones", "commence"} <= {file.stem for file in FILES}


@every_policy
def test_every_policy_file_fits_the_contract_and_is_called_as_its_policy(file: Path) -> None:
    assert load_policy(file).policy_id == file.stem


@every_policy
def test_every_policy_file_fits_the_json_schema(file: Path) -> None:
    jsonschema.Draft202012Validator(policy_schema()).validate(tomllib.loads(file.read_text(encoding="utf-8")))


def test_the_json_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(policy_schema())


def test_the_schema_file_is_up_to_date() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), "run: lonewatch policy schema"


@every_policy
def test_a_policy_on_the_wire_fits_the_json_schema_too(file: Path) -> None:
    wire = json.loads(load_policy(file).model_dump_json())
    jsonschema.Draft202012Validator(policy_schema()).validate(wire)
    assert Policy.model_validate(wire) == load_policy(file)


@pytest.mark.requirement("PL-01")
@pytest.mark.requirement("RO-05")
def test_at_stepping_stones_only_the_head_of_provision_approves() -> None:
    assert load_policy(STEPPING_STONES).approval.roles == (Role.HEAD_OF_PROVISION,)


@pytest.mark.requirement("M-02")
@pytest.mark.requirement("EM-04")
def test_at_stepping_stones_a_missed_check_in_goes_from_the_supervisor_to_the_people_on_call() -> None:
    ladder = load_policy(STEPPING_STONES).ladder_for("check_in_missed")
    assert who_of(ladder) == [
        ("supervisor_rings", (Role.SUPERVISOR, Role.HEAD_OF_PROVISION)),
        ("supervisor_rings_again", (Role.SUPERVISOR, Role.HEAD_OF_PROVISION)),
        ("head_of_provision", (Role.HEAD_OF_PROVISION, Role.DSL)),
        ("emergency_services", (Role.SUPERVISOR, Role.HEAD_OF_PROVISION, Role.DSL)),
    ]


@pytest.mark.requirement("M-10")
def test_at_stepping_stones_the_supervisor_is_first_to_see_to_emergency_services_and_everything_leads_there() -> None:
    ladder = load_policy(STEPPING_STONES).ladder_for("check_in_missed")
    last = ladder.steps[-1]
    assert last.task is not None
    assert (last.key, last.task.who[0], last.task.calls) == (
        "emergency_services",
        Role.SUPERVISOR,
        "emergency_services",
    )
    assert [step.key for step in ladder.steps if step.then is not None] == []
    assert not last.cites.ours
    assert "S3 6.2" in last.cites.clauses


@pytest.mark.requirement("DU-04")
@pytest.mark.requirement("EM-04")
@pytest.mark.requirement("RO-03")
def test_at_stepping_stones_a_call_for_help_reaches_head_and_supervisor_at_once_and_then_everyone_on_call() -> None:
    first, last = load_policy(STEPPING_STONES).ladder_for("help").steps
    assert set(first.notify) == {Role.HEAD_OF_PROVISION, Role.SUPERVISOR}
    assert last.task is not None
    assert set(last.task.who) == {Role.HEAD_OF_PROVISION, Role.DSL}


@pytest.mark.requirement("EM-04")
@pytest.mark.parametrize(
    ("trigger", "first"),
    [
        ("unsafe", Role.HEAD_OF_PROVISION),
        ("unplanned", Role.SENIOR_LEADER),
        pytest.param("safeguarding", Role.DSL, marks=pytest.mark.requirement("EM-03")),
        pytest.param("break_in", Role.HEAD_OF_PROVISION, marks=pytest.mark.requirement("EM-06")),
    ],
)
def test_at_stepping_stones_each_situation_has_a_first_to_deal_with_it(trigger: str, first: Role) -> None:
    ladder = load_policy(STEPPING_STONES).ladder_for(trigger)
    assert ladder.trigger == trigger
    assert who_of(ladder)[0][1][0] == first


@pytest.mark.requirement("PL-02")
def test_at_commence_the_line_manager_permits_a_visit() -> None:
    assert load_policy(COMMENCE).approval.roles == (Role.LINE_MANAGER,)


@pytest.mark.requirement("RA-05")
def test_at_commence_an_assessment_speaks_to_each_of_the_five_issues() -> None:
    gate = load_policy(COMMENCE).gate
    assert len(gate.factors) == len([one for one in gate.factors_cites.clauses if one.startswith("S4 8.1.")])


@pytest.mark.requirement("M-03")
@pytest.mark.requirement("M-06")
@pytest.mark.requirement("M-07")
@pytest.mark.requirement("M-08")
def test_at_commence_a_missed_check_in_goes_the_way_of_the_appendix() -> None:
    ladder = load_policy(COMMENCE).ladder_for("check_in_missed")
    tasks = [(step.key, step.task.calls, step.task.who[0]) for step in ladder.steps if step.task]
    assert tasks == [
        ("ring_mobile", "worker_mobile", Role.ADMINISTRATOR),
        ("ring_mobile_again", "worker_mobile", Role.ADMINISTRATOR),
        ("ring_contacts", "visit_contacts", Role.ADMINISTRATOR),
        ("ring_home", "worker_home", Role.ADMINISTRATOR),
        ("line_manager", "worker_mobile", Role.LINE_MANAGER),
        ("emergency_services", "emergency_services", Role.LINE_MANAGER),
    ]
    assert ladder.steps[-2].then == "exhausted"


@pytest.mark.requirement("M-05")
def test_at_commence_the_five_minutes_between_two_calls_are_the_only_time_that_is_not_ours() -> None:
    policy = load_policy(COMMENCE)
    steps = [step for ladder in policy.ladders for step in ladder.steps]
    assert [step.name for step in steps if not step.wait_cites.ours] == []
    outcomes = [outcome for step in steps if step.task for outcome in step.task.outcomes]
    timed = [outcome for outcome in outcomes if outcome.after and not outcome.after_cites.ours]
    assert [(one.code, one.leads_to, one.after) for one in timed] == [
        ("no_answer", "ring_mobile_again", timedelta(minutes=5))
    ]
    assert timed[0].after_cites.clauses == ("S4-HV 3.14",)
    spans = [span for step in steps if step.task for span in (step.task.take_within, step.task.finish_within)]
    assert all(span.cites.ours for span in spans)


def test_at_commence_a_task_that_is_done_in_its_time_leaves_the_five_minutes_whole() -> None:
    step = load_policy(COMMENCE).ladder_for("check_in_missed").steps[0]
    assert step.task is not None
    after = step.task.outcomes[1].after
    assert after is not None
    assert step.task.take_within.span + step.task.finish_within.span + after <= step.wait


@pytest.mark.requirement("DU-01")
@pytest.mark.requirement("DU-02")
@every_policy
def test_whoever_rings_after_a_missed_check_in_has_questions_the_code_words_and_a_way_to_say_duress(file: Path) -> None:
    ladder = load_policy(file).ladder_for("check_in_missed")
    first, second = (step.task for step in ladder.steps[:2])
    for task in (first, second):
        assert task is not None
        assert task.code_words
        assert len(task.questions) > 1
        assert [one.raises for one in task.outcomes if one.code == "code_word"] == ["duress"]


@pytest.mark.requirement("DU-01")
@every_policy
def test_under_duress_nobody_is_rung_and_no_outcome_says_that_the_worker_is_safe(file: Path) -> None:
    ladder = load_policy(file).ladder_for("duress")
    tasks = [step.task for step in ladder.steps if step.task]
    assert ladder.instead
    assert {task.calls for task in tasks} == {"emergency_services"}
    assert [one.code for task in tasks for one in task.outcomes if one.leads_to == "resolved"] == []


@pytest.mark.requirement("DU-03")
@pytest.mark.requirement("DU-06")
@every_policy
def test_leaving_because_it_is_unsafe_or_threatening_tells_somebody_by_a_ladder_of_its_own(file: Path) -> None:
    policy = load_policy(file)
    assert policy.unsafe_ends is not None
    assert {"unsafe", "threatened"} <= set(policy.unsafe_ends.reasons)
    assert policy.ladder_for("unsafe").trigger == "unsafe"


@pytest.mark.requirement("EM-01")
@every_policy
def test_every_call_to_emergency_services_is_recorded_with_its_time_and_its_reference(file: Path) -> None:
    steps = [step for ladder in load_policy(file).ladders for step in ladder.steps]
    calling = [step.task for step in steps if step.task and step.task.calls == "emergency_services"]
    assert len(calling) > 1
    for task in calling:
        called = task.outcome("called")
        assert called is not None
        assert (called.records, called.leads_to) == (("called_at", "reference"), "acknowledged")


@every_policy
def test_every_ladder_of_ours_can_be_used_as_it_stands(file: Path) -> None:
    policy = load_policy(file)
    assert problems_of(policy) == []
    assert [
        gap for gap in gaps(policy) if not gap.startswith(("approval.roles: nobody stands in", "awaits.end: no ladder"))
    ] == []


@pytest.mark.requirement("PV-01")
@pytest.mark.requirement("RO-05")
def test_at_stepping_stones_the_report_is_asked_for_by_the_supervisor_and_then_by_whom_it_is_for() -> None:
    policy = load_policy(STEPPING_STONES)
    assert policy.awaits.report is not None
    assert [step.notify for step in policy.ladder_for("report_overdue").steps] == [
        (Role.SUPERVISOR,),
        (Role.HEAD_OF_PROVISION,),
    ]


@pytest.mark.requirement("PL-01")
def test_at_stepping_stones_a_late_approval_tells_the_one_who_approves() -> None:
    policy = load_policy(STEPPING_STONES)
    assert policy.ladder_for("approval_overdue").steps[0].notify == policy.approval.roles


@pytest.mark.requirement("RO-03")
@pytest.mark.parametrize("trigger", ["start_overdue", "end_overdue"])
def test_at_stepping_stones_a_start_or_end_that_does_not_come_goes_to_the_supervisor_after_the_worker(
    trigger: str,
) -> None:
    policy = load_policy(STEPPING_STONES)
    awaited = policy.awaits.start if trigger == "start_overdue" else policy.awaits.end
    assert awaited is not None
    assert awaited.remind_after is not None
    assert awaited.remind_after < awaited.tell_after
    assert policy.ladder_for(trigger).steps[0].notify == (Role.SUPERVISOR,)


def test_at_stepping_stones_what_is_awaited_never_sends_for_emergency_services() -> None:
    policy = load_policy(STEPPING_STONES)
    steps = [step for trigger in AWAITED for step in policy.ladder_for(trigger).steps]
    assert [step.name for step in steps if "emergency" in step.name or "M-10" in step.cites.requirements] == []


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("phone_at_hand", marks=[pytest.mark.requirement("CI-11"), pytest.mark.requirement("CO-02")]),
        pytest.param("briefed", marks=pytest.mark.requirement("PL-15")),
        pytest.param("check_in_times_known", marks=pytest.mark.requirement("PL-11")),
        pytest.param("feels_safe", marks=pytest.mark.requirement("HV-07")),
    ],
)
def test_at_stepping_stones_no_visit_starts_before_this_is_answered_with_yes(question: str) -> None:
    assert question in load_policy(STEPPING_STONES).gate.dynamic_questions


def test_the_document_about_policies_names_every_key_and_every_trigger() -> None:
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    schema = json.loads(schema_text())
    parts = [schema, *schema["$defs"].values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    assert keys - named == set()
    assert set(get_args(Trigger)) - named == set()


def test_the_ladder_in_the_document_about_policies_is_one_that_can_be_read() -> None:
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    steps = tomllib.loads(example)["ladders"]["steps"]
    assert [Step.model_validate(step).key for step in steps] == ["ring_mobile"]
