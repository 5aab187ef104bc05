"""Settings out of files: which variables name one, and what is said of a file that is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from pydantic_settings import SettingsError

from services.notifier.settings import Settings
from shared.runtime.configured import configured, what_is_wrong
from shared.runtime.secret_files import with_password

SECRET = "p@ss/w:rd %"


@pytest.fixture(autouse=True)
def own_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that cannot start says so by a logger that it keeps; here it must not outlive the test."""
    monkeypatch.setattr("shared.runtime.configured.log", structlog.get_logger())
    yield
    structlog.reset_defaults()


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a service, with its password in a file."""
    (tmp_path / "password").write_text(f"{SECRET}\n")
    monkeypatch.setenv("LONEWATCH_DATABASE", "postgresql://lonewatch_notifier@db:5432/lonewatch?sslmode=require")
    monkeypatch.setenv("LONEWATCH_KEYS_DATABASE", "postgresql://lonewatch_notifier@db/lonewatch_keys")
    monkeypatch.setenv("LONEWATCH_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("LONEWATCH_WRAPPING_KEY_FILE", str(tmp_path / "wrapping.key"))
    monkeypatch.setenv("LONEWATCH_PORT", "8080")
    return monkeypatch


def settings() -> Settings:
    return configured("notifier", Settings)


@pytest.mark.usefixtures("given")
def test_the_password_in_a_file_completes_both_addresses() -> None:
    made = settings()
    coded = "p%40ss%2Fw%3Ard%20%25"
    assert (
        made.database.get_secret_value() == f"postgresql://lonewatch_notifier:{coded}@db:5432/lonewatch?sslmode=require"
    )
    assert made.keys_database.get_secret_value() == f"postgresql://lonewatch_notifier:{coded}@db/lonewatch_keys"


def test_every_secret_may_come_from_a_file(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("https://switch.example.org/1\n")
    given.setenv("LONEWATCH_HEARTBEAT_URL_FILE", str(tmp_path / "one"))
    assert settings().heartbeat_url == SecretStr("https://switch.example.org/1")


def test_what_is_no_secret_does_not_come_from_a_file(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("mail.example.org")
    given.setenv("LONEWATCH_SMTP_HOST_FILE", str(tmp_path / "one"))
    assert settings().smtp_host is None


def test_a_variable_that_is_empty_names_no_file(given: pytest.MonkeyPatch) -> None:
    given.setenv("LONEWATCH_SMTP_PASSWORD_FILE", "")
    assert settings().smtp_password is None


@pytest.mark.parametrize(
    ("held", "why"), [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "not text")]
)
def test_a_file_of_no_use_is_named(given: pytest.MonkeyPatch, tmp_path: Path, held: bytes | None, why: str) -> None:
    if held is not None:
        (tmp_path / "one").write_bytes(held)
    given.setenv("LONEWATCH_SMTP_PASSWORD_FILE", str(tmp_path / "one"))
    with pytest.raises(SettingsError, match=rf"LONEWATCH_SMTP_PASSWORD_FILE names {tmp_path}/one, .*{why}"):
        Settings()


def test_a_secret_that_is_given_twice_is_refused(given: pytest.MonkeyPatch) -> None:
    given.setenv("LONEWATCH_DATABASE_PASSWORD", "another")
    with pytest.raises(SettingsError, match="Both LONEWATCH_DATABASE_PASSWORD and LONEWATCH_DATABASE_PASSWORD_FILE"):
        Settings()


@pytest.mark.parametrize("address", ["postgresql://db/lonewatch", "postgresql://role:other@db/lonewatch", "lonewatch"])
def test_an_address_without_a_role_or_with_a_password_takes_none(address: str) -> None:
    with pytest.raises(ValueError, match="must be postgresql://role@host/database"):
        with_password(address, SECRET)


def test_a_service_that_lacks_settings_names_their_variables_and_no_value(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given.delenv("LONEWATCH_WRAPPING_KEY_FILE")
    given.setenv("LONEWATCH_DATABASE", "postgresql://role:hunter2@db/lonewatch")
    with pytest.raises(SystemExit) as ended:
        settings()
    said = capsys.readouterr()
    assert ended.value.code == 78
    assert "LONEWATCH_WRAPPING_KEY_FILE: field required" in said.out + said.err
    assert "LONEWATCH_DATABASE: " in said.out + said.err
    assert "hunter2" not in said.out + said.err
    assert SECRET not in said.out + said.err


def test_a_sentence_of_the_settings_themselves_is_kept() -> None:
    assert what_is_wrong(SettingsError("A_FILE is empty.")) == "A_FILE is empty."
