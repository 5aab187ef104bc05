"""The Dockerfile and docker-compose.yml before two judges that are not ours: hadolint and compose-lint, locked like every tool."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.compose import ROOT, filled_in

READ_ONLY = "  read_only: true\n"
"""The line with which every container is hardened; a mistake beside it is one that a judge must see."""


def judged(judge: str, *words: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Have a judge of this environment look at a file, and return what it says."""
    line = [str(Path(sys.executable).parent / judge), *words]
    return subprocess.run(line, cwd=at, capture_output=True, text=True, timeout=60, check=False)


def compose_lint(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Have compose-lint judge a file of this text; what is less than high is about digests, which an operator pins."""
    (folder / "docker-compose.yml").write_text(text, encoding="utf-8")
    return judged("compose-lint", "check", "--fail-on", "high", "docker-compose.yml", at=folder)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    said = judged("hadolint", "Dockerfile", at=ROOT)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_hadolint_finds_an_image_without_a_tag(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n", encoding="utf-8")
    said = judged("hadolint", "Dockerfile", at=tmp_path)
    assert said.returncode == 1
    assert "DL3006" in said.stdout


def test_compose_lint_finds_nothing_high_in_the_compose_file(tmp_path: Path) -> None:
    said = compose_lint(filled_in(), tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "PASS" in said.stdout


def test_compose_lint_finds_a_container_that_may_do_everything(tmp_path: Path) -> None:
    text = filled_in().replace(READ_ONLY, f"{READ_ONLY}  privileged: true\n", 1)
    assert text != filled_in()
    said = compose_lint(text, tmp_path)
    assert said.returncode == 1
    assert "privileged" in said.stdout
