"""Whatever any service refuses with has a code for machines and a sentence for people. What each service adds, it tests."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.runtime import problems

SERVICES = tuple(TOPIC_OF_SERVICE)
COMMON: Mapping[str, str] = problems.SENTENCES
"""What every service says of a request, whatever it is about."""


def refusals_of(service: str) -> Mapping[str, str]:
    """Return the table that the service's web application answers from."""
    refusals: Mapping[str, str] = import_module(f"services.{service}.app").REFUSALS
    return refusals


def calls(file: Path, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function by its name, wherever they stand in a file."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def words(node: ast.AST) -> set[str]:
    """Return the texts that stand below a node."""
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


ALL = [(service, code) for service in SERVICES for code in refusals_of(service)]
EVERY = [*ALL, *(("common", code) for code in COMMON)]


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_a_service_raises_anywhere_is_in_the_table_that_its_answers_come_from(service: str) -> None:
    folder = Path(str(import_module(f"services.{service}").__file__)).parent
    raised = {code for file in folder.rglob("*.py") for call in calls(file, "Rejected") for code in words(call)}
    assert raised
    assert raised <= refusals_of(service).keys()


@pytest.mark.parametrize(("service", "code"), EVERY)
def test_a_refusal_is_a_code_and_a_whole_sentence(service: str, code: str) -> None:
    sentence = COMMON[code] if service == "common" else refusals_of(service)[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert len(sentence.split()) >= 5, "a sentence, not the code once more"
    assert "_" not in sentence, "a sentence is for people"


def test_no_service_gives_a_code_of_all_services_another_meaning() -> None:
    assert not {code for _, code in ALL} & COMMON.keys()


def test_each_common_sentence_is_said_by_some_answer() -> None:
    tree = ast.parse(Path(str(problems.__file__)).read_text("utf-8"))
    said = [node for node in tree.body if not (isinstance(node, ast.Assign) and words(node) >= COMMON.keys())]
    assert {word for node in said for word in words(node)} >= COMMON.keys()
