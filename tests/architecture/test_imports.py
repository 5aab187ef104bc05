"""Who may import whom. The rules stand in pyproject.toml; these tests run them, and see that they bite."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("bench", "deploy", "services", "shared")
TEST_CODE = {"tests"}
LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the import rules over ``tree``, which comes first on the path of the new process."""
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=tree, capture_output=True, text=True, encoding="utf-8", check=False
    )


def file_of(module: str) -> Path:
    """Return the file of a module, relative to the checkout, also where it has become a package."""
    path = Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def packages_in(folder: Path) -> set[str]:
    return {init.parent.name for init in folder.glob("*/__init__.py")}


def test_nothing_imports_what_it_may_not() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("shared.runtime", "import services.checkin.domain", "deploy stands on services, services on shared"),
        ("services.checkin.application", "import services.audit.domain", "No service imports another"),
        ("services.notifier.domain", "import services.notifier.application", "Each service has the same layers"),
        ("services.escalation.rules", "", "Each service has the same layers"),
        (
            "shared.decider",
            "import shared.contracts",
            "runtime stands on the troubles, these on contracts, contracts on the decider",
        ),
        ("shared.more", "", "runtime stands on the troubles, these on contracts, contracts on the decider"),
        ("services.audit.domain", "import asyncpg", "Domains, contracts and the decider do no IO"),
        ("services.checkin.domain", "import os", "Domains, contracts and the decider do no IO"),
        ("shared.contracts", "import shared.runtime", "Domains, contracts and the decider do no IO"),
        ("shared.decider", "import pydantic", "The decider knows no library"),
    ],
)
def test_an_import_across_the_layers_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in SOURCES:
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / file_of(module)).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{broken} BROKEN" in " ".join(result.stdout.split())


def test_every_package_and_every_service_is_under_the_rules() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract for contract in rules["contracts"] if contract["id"] == "layers")
    assert packages_in(ROOT) - TEST_CODE == set(rules["root_packages"]) == set(SOURCES)
    assert {f"services.{name}" for name in packages_in(ROOT / "services")} == set(layers["containers"])
