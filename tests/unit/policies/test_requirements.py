"""What policy files and tests cite exists: clauses of the policies, rows of docs/requirements.md, rules, events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from deploy.policy_files import load_policy
from shared.contracts import escalations, visits
from shared.contracts.base import Cites

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "policies").glob("*.toml"))
REQUIREMENTS = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: found
    for found in re.finditer(r"^\| ([A-Z]{1,2}-\d\d) \|[^|]*\|([^|]*)\|([^|]*)\|$", REQUIREMENTS, re.MULTILINE)
}
CLAUSES = {
    found[2]: (found[1], found[3].split(", "))
    for found in re.finditer(r"^\| (S\d) \|[^|]*\| `([^`]+)` \| ([^|]*) \|$", REQUIREMENTS, re.MULTILINE)
}

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
            yield from cited(inner, f"{at}.{key}".removesuffix("_cites").removesuffix(".cites").lstrip("."))


def marked_in_tests() -> Iterator[tuple[str, str]]:
    """Find each ``pytest.mark.requirement("…")`` in the tests."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
                yield from (
                    (file.name, one.value)
                    for one in node.args
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def test_no_row_is_malformed_or_doubled() -> None:
    assert ROWS
    assert len(ROWS) == len(re.findall(r"^\| [A-Z]{1,2}-\d\d \|", REQUIREMENTS, re.MULTILINE))


@every_policy
def test_every_rule_says_where_it_comes_from(file: Path) -> None:
    silent = [where for where, cites in cited(load_policy(file)) if not (cites.ours or cites.clauses)]
    assert silent == []


@every_policy
def test_every_cited_clause_is_a_heading_of_this_policy(file: Path) -> None:
    key, headings = CLAUSES[file.name]
    known = {f"{key} {heading}" for heading in headings}
    assert {clause for _, cites in cited(load_policy(file)) for clause in cites.clauses} - known == set()


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
    key = CLAUSES[file.name][0]
    foreign = [
        f"{requirement} at {where}"
        for where, cites in cited(load_policy(file))
        for requirement in cites.requirements
        if not cites.ours and f"{key} " not in ROWS[requirement][2]
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
