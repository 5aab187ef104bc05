"""What policy files and tests cite exists: clauses of the policies, rows of docs/requirements.md, rules, events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from deploy.policy.files import load_policy
from shared.contracts import escalations, visits
from shared.contracts.base import Cites
from shared.contracts.requirement_ids import REQUIREMENT_IDS
from tests.support import requirements
from tests.support.requirements import marked_in, marked_in_tests

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "policies").glob("*.toml"))
REQUIREMENTS = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: found
    for found in re.finditer(r"^\| ([A-Z]{1,2}-\d\d) \|[^|]*\|([^|]*)\|([^|]*)\|$", REQUIREMENTS, re.MULTILINE)
}
CLAUSES = [
    (found[1], found[2], found[3].split(", "))
    for found in re.finditer(r"^\| (S\d(?:-[A-Z]{2})?) \|[^|]*\| `([^`]+)` \| ([^|]*) \|$", REQUIREMENTS, re.MULTILINE)
]
"""Key of a document or of one of its appendices, its policy file, its headings."""

every_policy = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def cited(value: object, at: str = "") -> Iterator[tuple[str, Cites]]:
    """Walk through a policy without the code under test: each citation, with its key path without numbers."""
    if isinstance(value, Cites):
        yield at, value
    elif isinstance(value, tuple):
        for one in value:
            yield from cited(one, at)
    elif isinstance(value, BaseModel):
        for key, inner in value:
            if key == "after_cites" and getattr(value, "after", None) is None:
                continue  # there is no such rule
            yield from cited(inner, f"{at}.{key}".removesuffix("_cites").removesuffix(".cites").lstrip("."))


def test_no_row_is_malformed_or_doubled() -> None:
    assert ROWS
    assert len(ROWS) == len(re.findall(r"^\| [A-Z]{1,2}-\d\d \|", REQUIREMENTS, re.MULTILINE))


@every_policy
def test_every_rule_says_where_it_comes_from(file: Path) -> None:
    silent = [where for where, cites in cited(load_policy(file)) if not (cites.ours or cites.clauses)]
    assert silent == []


@every_policy
def test_every_cited_clause_is_a_heading_of_this_policy(file: Path) -> None:
    known = {f"{key} {heading}" for key, name, headings in CLAUSES if name == file.name for heading in headings}
    assert {clause for _, cites in cited(load_policy(file)) for clause in cites.clauses} - known == set()


@every_policy
def test_every_clause_has_a_few_words_and_none_has_them_in_vain(file: Path) -> None:
    policy = load_policy(file)
    assert {clause for _, cites in cited(policy) for clause in cites.clauses} == set(policy.clauses)


def test_the_ids_that_a_policy_may_cite_include_every_row() -> None:
    assert ROWS.keys() - REQUIREMENT_IDS == set()


@every_policy
def test_every_cited_requirement_has_a_row_that_names_the_rule(file: Path) -> None:
    wrong = [
        f"{requirement} at {where}"
        for where, cites in cited(load_policy(file))
        for requirement in cites.requirements
        if requirement not in ROWS or f"`{where}`" not in ROWS[requirement][3]
    ]
    assert wrong == [], "docs/requirements.md has no row, or the row does not name the rule"


@every_policy
def test_a_requirement_of_another_policy_is_cited_only_where_the_rule_is_ours(file: Path) -> None:
    keys = [f"{key} " for key, name, _ in CLAUSES if name == file.name]
    foreign = [
        f"{requirement} at {where}"
        for where, cites in cited(load_policy(file))
        for requirement in cites.requirements
        if not cites.ours and not any(key in ROWS[requirement][2] for key in keys)
    ]
    assert foreign == []


def test_every_rule_that_a_row_names_cites_it() -> None:
    carried = {
        (requirement, f"`{where}`")
        for file in FILES
        for where, cites in cited(load_policy(file))
        for requirement in cites.requirements
    }
    named = {
        (row, key)
        for row, found in ROWS.items()
        for key in re.findall(r"`[a-z_.]+`", found[3])
        if not key.endswith(".toml`")
    }
    assert named - carried == set(), "docs/requirements.md names a rule that does not cite the requirement"


def test_every_event_that_a_row_names_exists() -> None:
    events = {event.type for module in (visits, escalations) for event in module.EVENTS}
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+\.v\d+)`", REQUIREMENTS)) - events == set()


def test_every_requirement_that_a_test_is_marked_with_has_a_row() -> None:
    assert [f"{name}: {one}" for name, one in marked_in_tests() if one not in ROWS] == []


def test_every_row_is_carried_by_a_test() -> None:
    assert ROWS.keys() - {one for _, one in marked_in_tests()} == set()


def test_a_mark_counts_at_a_test_and_at_a_parameter_of_one_and_nowhere_else() -> None:
    source = """
import pytest

@pytest.mark.requirement("M-01")
@pytest.mark.parametrize("one", [pytest.param(1, marks=pytest.mark.requirement("M-02"))])
async def test_one(one): ...

@pytest.mark.requirement("M-09")
def helper(): ...

SAID = 'pytest.mark.requirement("M-10")'
"""
    assert list(marked_in(source)) == ["M-01", "M-02"]


def test_the_table_is_printed_with_how_many_tests_carry_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert requirements.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ROWS)
    assert all(int(line.split()[1]) > 0 for line in lines)


def test_a_row_without_a_test_and_an_id_without_a_row_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "rows", lambda: {"M-01": "asked"})
    monkeypatch.setattr(requirements, "marked_in_tests", lambda: [("test_x.py", "M-99")])
    assert requirements.main() == 1
    assert capsys.readouterr().err.splitlines() == [
        "M-01: no test carries it",
        "M-99: test_x.py cites it, and docs/requirements.md has no such row",
    ]
