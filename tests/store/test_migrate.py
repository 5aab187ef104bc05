"""``python -m deploy.migrate``: what an operator's server gets, once, and what is said when it cannot be done."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES, address, log_migrations, prepare
from deploy.local.installation import free_port
from deploy.migrate import Settings, run
from tests.support.services import PASSWORD


def settings(admin: str, **more: Any) -> Settings:
    """Return what an administrator gives; the passwords of roles are those of every test of this server."""
    given: dict[str, Any] = {f"{service}_password": PASSWORD for service in SERVICES}
    return Settings(**({"admin_database": admin} | given | more))


def test_a_server_is_prepared_once_and_a_second_time_nothing_is_done(
    postgres_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(postgres_address)) == 0
    capsys.readouterr()
    assert run(settings(postgres_address)) == 0
    assert capsys.readouterr().out == "The database is up to date.\n"
    assert asyncio.run(reached_by_audit(postgres_address)) == ["lonewatch_audit"] * 2


async def test_what_was_applied_is_returned_in_order_and_then_nothing_is(postgres_address: str) -> None:
    passwords = dict.fromkeys(SERVICES, PASSWORD)
    applied = await prepare(postgres_address, passwords, "_returned")
    assert applied == [*(name for name, _ in log_migrations()), *(name for name in applied if name.startswith("keys/"))]
    assert applied[-1].startswith("keys/")
    assert await prepare(postgres_address, passwords, "_returned", encrypted=None) == []


async def reached_by_audit(admin: str) -> list[str]:
    """Return who a service is in both databases, with its own password."""
    found = []
    for database in (LOG_DATABASE, KEYS_DATABASE):
        connection = await asyncpg.connect(address(admin, database, "lonewatch_audit", PASSWORD), ssl=False)
        found.append(await connection.fetchval("SELECT current_user"))
        await connection.close()
    return found


def test_the_administrators_password_may_stand_in_a_file(
    postgres_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(postgres_address)
    (tmp_path / "password").write_text(f"{parts.password}\n")
    monkeypatch.setenv("LONEWATCH_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    assert run(settings(f"postgresql://{parts.username}@{parts.hostname}:{parts.port}/postgres")) == 0


def test_a_wrong_password_is_said_to_be_one(postgres_address: str, capsys: pytest.CaptureFixture[str]) -> None:
    parts = urlsplit(postgres_address)
    wrong = f"postgresql://postgres:wrong@{parts.hostname}:{parts.port}/postgres"
    assert run(settings(wrong)) == os.EX_NOPERM
    assert "The server refuses: password authentication failed" in capsys.readouterr().err


def test_somebody_who_may_not_make_roles_is_refused(postgres_address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings(postgres_address)) == 0
    by = address(postgres_address, LOG_DATABASE, "lonewatch_audit", PASSWORD)
    assert run(settings(by)) == os.EX_NOPERM
    assert "LONEWATCH_ADMIN_DATABASE" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_waited_for_and_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"postgresql://postgres:x@127.0.0.1:{free_port()}/postgres"
    assert run(settings(nowhere), waits_for=0) == os.EX_UNAVAILABLE
    assert "could not be used within 0 s" in capsys.readouterr().err
