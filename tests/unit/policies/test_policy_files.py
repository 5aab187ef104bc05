"""The policy files of this project fit the contract and the JSON Schema, and say what their text says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from deploy.policy_files import load_policy
from deploy.policy_schema import SCHEMA_PATH, policy_schema, schema_text
from shared.contracts.ladders import AWAITED
from shared.contracts.policy import Policy
from shared.contracts.roles import Role

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "policies").glob("*.toml"))

every_policy = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_the_policy_of_stepping_stones_is_there() -> None:
    assert "stepping-stones" in [file.stem for file in FILES]


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
    assert load_policy(ROOT / "policies" / "stepping-stones.toml").approval.roles == (Role.HEAD_OF_PROVISION,)


@pytest.mark.requirement("M-02")
@pytest.mark.requirement("EM-04")
def test_at_stepping_stones_a_missed_check_in_goes_from_the_supervisor_to_the_people_on_call() -> None:
    ladder = load_policy(ROOT / "policies" / "stepping-stones.toml").ladder_for("check_in_missed")
    assert [step.notify for step in ladder.steps] == [
        (Role.SUPERVISOR,),
        (Role.HEAD_OF_PROVISION,),
        (Role.SUPERVISOR, Role.HEAD_OF_PROVISION, Role.DSL),
    ]


@pytest.mark.requirement("M-10")
def test_at_stepping_stones_every_step_that_has_emergency_services_called_after_a_miss_tells_the_supervisor() -> None:
    ladder = load_policy(ROOT / "policies" / "stepping-stones.toml").ladder_for("check_in_missed")
    calling = [step for step in ladder.steps if "emergency services are called" in step.name]
    assert [step for step in ladder.steps if "M-10" in step.cites.requirements] == calling
    assert calling[-1] == ladder.steps[-1]
    assert [
        step.name for step in calling if Role.SUPERVISOR not in step.notify or "S3 6.2" not in step.cites.clauses
    ] == []


@pytest.mark.requirement("DU-04")
@pytest.mark.requirement("EM-04")
@pytest.mark.requirement("RO-03")
def test_at_stepping_stones_a_call_for_help_reaches_head_and_supervisor_at_once_and_then_everyone_on_call() -> None:
    ladder = load_policy(ROOT / "policies" / "stepping-stones.toml").ladder_for("help")
    first, *_, last = [set(step.notify) for step in ladder.steps]
    assert first == {Role.HEAD_OF_PROVISION, Role.SUPERVISOR}
    assert last == {Role.HEAD_OF_PROVISION, Role.DSL}


@pytest.mark.requirement("PV-01")
@pytest.mark.requirement("RO-05")
def test_at_stepping_stones_the_report_is_asked_for_by_the_supervisor_and_then_by_whom_it_is_for() -> None:
    policy = load_policy(ROOT / "policies" / "stepping-stones.toml")
    assert policy.awaits.report is not None
    assert [step.notify for step in policy.ladder_for("report_overdue").steps] == [
        (Role.SUPERVISOR,),
        (Role.HEAD_OF_PROVISION,),
    ]


@pytest.mark.requirement("PL-01")
def test_at_stepping_stones_a_late_approval_tells_the_one_who_approves() -> None:
    policy = load_policy(ROOT / "policies" / "stepping-stones.toml")
    assert policy.ladder_for("approval_overdue").steps[0].notify == policy.approval.roles


@pytest.mark.requirement("RO-03")
@pytest.mark.parametrize("trigger", ["start_overdue", "end_overdue"])
def test_at_stepping_stones_a_start_or_end_that_does_not_come_goes_to_the_supervisor_after_the_worker(
    trigger: str,
) -> None:
    policy = load_policy(ROOT / "policies" / "stepping-stones.toml")
    awaited = policy.awaits.start if trigger == "start_overdue" else policy.awaits.end
    assert awaited is not None
    assert awaited.remind_after is not None
    assert awaited.remind_after < awaited.tell_after
    assert policy.ladder_for(trigger).steps[0].notify == (Role.SUPERVISOR,)


def test_at_stepping_stones_what_is_awaited_never_sends_for_emergency_services() -> None:
    policy = load_policy(ROOT / "policies" / "stepping-stones.toml")
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
    assert question in load_policy(ROOT / "policies" / "stepping-stones.toml").gate.dynamic_questions
