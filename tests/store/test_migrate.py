"""``python -m deploy.migrate``: what an operator's server gets, once, and what is said when it cannot be done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES, address
from deploy.local.installation import free_port
from deploy.local.postgres import Server
from deploy.migrate import Settings, run
from tests.support.services import PASSWORD


def settings(admin: str, **more: Any) -> Settings:
    """Return what an administrator gives; the passwords of roles are those of every test of this server."""
    given: dict[str, Any] = {f"{service}_password": PASSWORD for service in SERVICES}
    return Settings(**({"admin_database": admin} | given | more))


def test_a_server_is_prepared_once_and_a_second_time_nothing_is_done(
    postgres_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(postgres_server.dsn())) == 0
    first = capsys.readouterr().out
    assert "log/0001" in first
    assert "audit/" in first
    assert "keys/0001" in first
    assert run(settings(postgres_server.dsn())) == 0
    assert capsys.readouterr().out == "The database is up to date.\n"


async def test_a_service_reaches_both_databases_with_its_password(postgres_server: Server) -> None:
    for database in (LOG_DATABASE, KEYS_DATABASE):
        at = address(postgres_server.dsn(), database, "lonewatch_audit", PASSWORD)
        connection = await asyncpg.connect(at, ssl=False)
        assert await connection.fetchval("SELECT current_user") == "lonewatch_audit"
        await connection.close()


def test_the_administrators_password_may_stand_in_a_file(
    postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(f"{postgres_server.password}\n")
    monkeypatch.setenv("LONEWATCH_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    assert run(settings(f"postgresql://postgres@127.0.0.1:{postgres_server.port}/postgres")) == 0


def test_a_wrong_password_is_said_to_be_one(postgres_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    parts = urlsplit(postgres_server.dsn())
    wrong = f"postgresql://postgres:wrong@{parts.hostname}:{parts.port}/postgres"
    assert run(settings(wrong)) == os.EX_NOPERM
    assert "The server refuses: password authentication failed" in capsys.readouterr().err


def test_somebody_who_may_not_make_roles_is_refused(
    postgres_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    by = address(postgres_server.dsn(), LOG_DATABASE, "lonewatch_audit", PASSWORD)
    assert run(settings(by)) == os.EX_NOPERM
    assert "LONEWATCH_ADMIN_DATABASE" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_waited_for_and_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"postgresql://postgres:x@127.0.0.1:{free_port()}/postgres"
    assert run(settings(nowhere), waits_for=0) == os.EX_UNAVAILABLE
    assert "could not be used within 0 s" in capsys.readouterr().err
