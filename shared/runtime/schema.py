"""Bring a database up to date: roles, then forward-only SQL files, each once, under one lock.

Files are applied in the order of their names, each in a transaction with bounds on locks and statements, and remembered
with their SHA-256: a file that changed after it was applied is refused.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from asyncpg.utils import _quote_ident, _quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from shared.runtime.postgres import Connection

_LOCK = 7_203_114
"""Key of the advisory lock that lets one migration run at a time."""

_ROLE_SETTINGS = {
    "idle_in_transaction_session_timeout": "2s",
    "lock_timeout": "5s",
    "tcp_user_timeout": "5s",
    "statement_timeout": "10s",
}
"""For every service's role: a paused or cut-off client can hold nobody up for longer."""

_MAKE_TABLE = """
CREATE SCHEMA IF NOT EXISTS lonewatch;
CREATE TABLE IF NOT EXISTS lonewatch.migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_APPLIED = "SELECT sha256 FROM lonewatch.migration WHERE name = $1"
_REMEMBER = "INSERT INTO lonewatch.migration (name, sha256) VALUES ($1, $2)"
_ROLE_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"


class ChangedMigrationError(RuntimeError):
    """A migration file differs from what was applied under its name."""


async def ensure_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Make the owner of the log, the group of services and one role for each of ``passwords`` (service to password)."""
    for group in ("lonewatch_log", "lonewatch_service"):
        if not await connection.fetchval(_ROLE_EXISTS, group):
            await connection.execute(f"CREATE ROLE {group} NOLOGIN")
    for service, password in passwords.items():
        role = _quote_ident(f"lonewatch_{service}")
        verb = "ALTER" if await connection.fetchval(_ROLE_EXISTS, f"lonewatch_{service}") else "CREATE"
        await connection.execute(
            f"{verb} ROLE {role} LOGIN PASSWORD {_quote_literal(password)} IN ROLE lonewatch_service"
            if verb == "CREATE"
            else f"ALTER ROLE {role} PASSWORD {_quote_literal(password)}"
        )
        for name, value in _ROLE_SETTINGS.items():
            await connection.execute(f"ALTER ROLE {role} SET {name} = '{value}'")


async def migrate(connection: Connection, files: Iterable[tuple[str, Path]]) -> list[str]:
    """Apply what is new of ``files`` (pairs of a name and a path, in order). Return the names applied.

    Raises ChangedMigrationError, or asyncpg.PostgresError from a statement; then that file has changed nothing.
    """
    done = []
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_MAKE_TABLE)
        for name, path in files:
            sql = path.read_text()
            digest = sha256(sql.encode()).hexdigest()
            known = await connection.fetchval(_APPLIED, name)
            if known is not None and known != digest:
                message = (
                    f"migration {name} was changed after it had been applied; put the file back and write a new one"
                )
                raise ChangedMigrationError(message)
            if known is None:
                async with connection.transaction():
                    await connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'")
                    await connection.execute(sql)
                    await connection.execute(_REMEMBER, name, digest)
                done.append(name)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return done
