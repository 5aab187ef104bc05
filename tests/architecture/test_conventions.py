"""Conventions that nobody should have to remember, held over the whole tree."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

import shared.contracts
from tests.conftest import BUDGETS, over_budget

ROOT = Path(__file__).parents[2]
SOURCES = ("bench", "deploy", "services", "shared")
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
ADDRESS = re.compile(r"https?://|^-", re.MULTILINE)
WITHOUT_TESTS = {"support"}


def modules(*folders: str) -> Iterator[Path]:
    """Yield the Python files below ``folders``."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def where(file: Path, node: ast.expr | ast.stmt) -> str:
    return f"{file.relative_to(ROOT)}:{node.lineno}"


def contracts() -> list[type[BaseModel]]:
    """Return every pydantic model that shared.contracts defines."""
    found: list[type[BaseModel]] = []
    for info in pkgutil.walk_packages(shared.contracts.__path__, "shared.contracts."):
        module = importlib.import_module(info.name)
        found += [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type) and issubclass(thing, BaseModel) and thing.__module__ == info.name
        ]
    return found


def formats(schema: object) -> set[str]:
    """Return every JSON Schema format of one field: an instant is a date-time, a span is a duration."""
    if isinstance(schema, Mapping):
        own = {schema["format"]} if isinstance(schema.get("format"), str) else set()
        return own.union(*(formats(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(formats(value) for value in schema))
    return set()


def annotated_fields(file: Path) -> Iterator[tuple[str, str, ast.AnnAssign]]:
    """Yield name, annotation and node of every annotated field of every class in ``file``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield item.target.id, ast.unparse(item.annotation), item


def misnamed(name: str, *, instant: bool, span: bool) -> bool:
    """Tell whether a field's name and its kind contradict each other. A command's ``now`` is the log's time."""
    ends = name.endswith("_at") or name == "now"
    return (instant and not ends) or (span and ends)


def test_in_contracts_instants_end_in_at_and_spans_do_not() -> None:
    models = contracts()
    wrong = [
        f"{model.__module__}.{model.__name__}.{name}"
        for model in models
        for name, schema in model.model_json_schema().get("properties", {}).items()
        if misnamed(name, instant="date-time" in formats(schema), span="duration" in formats(schema))
    ]
    assert len(models) > 1
    assert wrong == []


def test_in_every_class_instants_end_in_at_and_spans_do_not() -> None:
    wrong = [
        f"{where(file, node)} {name}"
        for file in modules(*SOURCES)
        for name, annotation, node in annotated_fields(file)
        if not {"Callable", "Mapping", "dict"} & set(re.findall(r"\w+", annotation))
        and misnamed(
            name,
            instant=bool(re.search(r"\b(datetime|AwareDatetime|Instant)\b", annotation)),
            span=bool(re.search(r"\b(timedelta|Span)\b", annotation)),
        )
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "instant", "span", "wrong"),
    [
        ("due_at", True, False, False),
        ("now", True, False, False),
        ("deadline", True, False, True),
        ("grace", False, True, False),
        ("grace_at", False, True, True),
        ("count", False, False, False),
    ],
)
def test_a_field_whose_name_contradicts_its_kind_is_found(name: str, *, instant: bool, span: bool, wrong: bool) -> None:
    assert misnamed(name, instant=instant, span=span) is wrong


def test_no_module_is_named_after_one_of_the_standard_library() -> None:
    names = {
        (file.parent.name if file.name == "__init__.py" else file.stem): file.relative_to(ROOT)
        for file in modules(*SOURCES, "tests")
    }
    clashes = {name: file for name, file in names.items() if name in sys.stdlib_module_names}
    assert clashes == {}


def built_sql(source: str) -> list[ast.JoinedStr]:
    """Return the f-strings in ``source`` that build a statement out of values."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(part, ast.FormattedValue) for part in node.values)
        and any(SQL.search(str(part.value)) for part in node.values if isinstance(part, ast.Constant))
    ]


def test_no_sql_is_built_by_an_f_string() -> None:
    found = [
        where(file, node)
        for file in modules("shared", "services")
        for node in built_sql(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_an_f_string_that_builds_sql_is_found() -> None:
    assert built_sql('f"SELECT 1 FROM {table}"')
    assert built_sql('(f"UPDATE log.head "\n f"SET position = {n}")')
    assert not built_sql('f"{count} rows selected"')
    assert not built_sql('"SELECT 1"')


def test_every_directory_of_tests_has_a_time_budget() -> None:
    directories = {init.parent.name for init in (ROOT / "tests").glob("*/__init__.py")}
    assert directories - WITHOUT_TESTS == set(BUDGETS)
    strays = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if file.relative_to(ROOT / "tests").parts[0] not in BUDGETS
    ]
    assert strays == []


def test_the_budgets_together_are_at_most_two_times_fifteen_minutes() -> None:
    assert sum(BUDGETS.values(), timedelta()) <= 2 * timedelta(minutes=15)


def test_a_directory_is_over_budget_one_second_after_its_budget() -> None:
    assert over_budget({"unit": BUDGETS["unit"]}) == []
    assert over_budget({"unit": BUDGETS["unit"] + timedelta(seconds=1)}) == ["tests/unit took 43.0 s of 42 s"]


def test_a_green_run_that_is_over_budget_fails(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    (tests / "unit").mkdir(parents=True)
    source = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    (tests / "conftest.py").write_text(source + '\nBUDGETS = {"unit": timedelta(0)}\n', encoding="utf-8")
    (tests / "unit" / "test_quick.py").write_text("def test_quick() -> None:\n    assert True\n", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout
    assert "tests/unit took" in run.stdout
    assert "1 passed" in run.stdout


def pins(lock: str) -> dict[str, str]:
    """Return the name and version of everything locked in ``requirements/<lock>``."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt"])
def test_a_lock_has_hashes_and_names_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    assert len(entries) == len(pins(lock)) > 1
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert ADDRESS.search(text) is None


def test_what_runs_is_what_was_tested() -> None:
    assert pins("runtime.txt").items() <= pins("dev.txt").items()


@pytest.mark.parametrize("wanted", ["runtime.in", "dev.in"])
def test_every_direct_dependency_says_why_it_is_there(wanted: str) -> None:
    lines = (ROOT / "requirements" / wanted).read_text(encoding="utf-8").splitlines()
    names = {re.split(r"[=<>\[;]", line)[0] for line in lines if re.match(r"\w", line)}
    explained = set(re.findall(r"^\| ([\w.-]+) \|", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE))
    assert names - explained == set()
