"""Which rows docs/requirements.md has, and which tests say that they hold them. ``make requirements`` prints it.

Reads the sources of the tests and runs none of them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROW = re.compile(r"^\| ([A-Z]{1,2}-\d\d) \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
"""One requirement: id, what is asked, source, carried by."""


def rows() -> dict[str, str]:
    """Return what is asked, by id, in the order of the document."""
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    return {found[1]: found[2].strip() for found in ROW.finditer(text)}


def marked_in(source: str) -> Iterator[str]:
    """Yield the id of every ``pytest.mark.requirement("…")`` at a test of a module, or at a parameter of one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                yield from _ids(decorator)


def _ids(decorator: ast.expr) -> Iterator[str]:
    for node in ast.walk(decorator):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


def marked_in_tests() -> Iterator[tuple[str, str]]:
    """Yield file and id for every mark in the tests."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for one in marked_in(file.read_text(encoding="utf-8")):
            yield file.relative_to(ROOT).as_posix(), one


def main() -> int:
    """Print each row with how many tests carry it; 1 where one has none, or a test names an id without a row."""
    wanted, marks = rows(), list(marked_in_tests())
    counts = Counter(one for _, one in marks)
    for one, asked in wanted.items():
        sys.stdout.write(f"{one:<6} {counts[one]:>3}  {asked}\n")
    wrong = [f"{one}: no test carries it" for one in wanted if not counts[one]]
    wrong += [
        f"{one}: {file} cites it, and docs/requirements.md has no such row" for file, one in marks if one not in wanted
    ]
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
