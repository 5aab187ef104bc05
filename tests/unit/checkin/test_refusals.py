"""Every refusal has its sentence, and every refusal has a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.resources import files

import pytest

from services.checkin.domain import REFUSALS


def _trees(package: str) -> Iterator[ast.AST]:
    for module in files(package).iterdir():
        if module.name.endswith(".py"):
            yield from ast.walk(ast.parse(module.read_text(encoding="utf-8")))


def _words(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and name in {getattr(node.func, "id", None), getattr(node.func, "attr", None)}


def _raised() -> set[str]:
    calls = [node for node in _trees("services.checkin.domain") if _is_call(node, "Rejected")]
    return {word for call in calls for word in _words(call)}


def _tested() -> set[str]:
    compared = [node for node in _trees("tests.unit.checkin") if isinstance(node, ast.Compare)]
    return {
        word
        for node in compared
        if _is_call(node.left, "rejected")
        for comparator in node.comparators
        for word in _words(comparator)
    }


def test_every_refusal_has_its_sentence_and_no_sentence_is_without_a_refusal() -> None:
    assert _raised() == set(REFUSALS)


def test_every_refusal_is_expected_by_a_test() -> None:
    assert set(REFUSALS) <= _tested()


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_what_is_wrong_and_what_to_do(code: str) -> None:
    wrong, _, remedy = REFUSALS[code].partition(": ")
    assert wrong
    assert remedy.endswith(".")
    assert REFUSALS[code][0].isupper()
