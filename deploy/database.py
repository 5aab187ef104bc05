"""Prepare PostgreSQL for Lonewatch: roles, two databases, and every migration, in order. Safe to run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from shared.runtime.schema import ensure_roles, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
"""Where the packages and the policies lie."""

SERVICES = ("checkin", "escalation", "notifier", "audit")
"""The four services, in the order in which an event passes them."""

LOG_DATABASE = "lonewatch"
KEYS_DATABASE = "lonewatch_keys"

# What was applied may be read by every service: the doctor compares it with the release.
SHOW_MIGRATIONS = """
GRANT USAGE ON SCHEMA lonewatch TO lonewatch_service; GRANT SELECT ON lonewatch.migration TO lonewatch_service
"""

_LOCK = 7_203_113
"""Key of the advisory lock that lets one preparation of a server run at a time."""


def address(dsn: str, database: str, role: str | None = None, password: str | None = None) -> str:
    """Return the address of another database on the same server, by another role."""
    parts = urlsplit(dsn)
    login = f"{role}:{password}" if role else parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}", path=f"/{database}"))


async def prepare(
    admin: str, passwords: Mapping[str, str], suffix: str = "", *, encrypted: bool | None = False
) -> list[str]:
    """Make roles and databases and bring both up to date; return the migrations applied.

    ``suffix`` tells apart several installations on one server. ``encrypted`` as None leaves it to the address.
    """
    applied = []
    connection = await asyncpg.connect(admin, ssl=encrypted)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)  # ends with the connection
        await ensure_roles(connection, passwords)
        for database in (LOG_DATABASE + suffix, KEYS_DATABASE + suffix):
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database):
                await connection.execute(f"CREATE DATABASE {database}")
                await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
                await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO lonewatch_service")
    finally:
        await connection.close()
    for database, files in (
        (LOG_DATABASE, log_migrations()),
        (KEYS_DATABASE, _files("keys", ROOT / "shared/runtime/migrations/keys")),
    ):
        connection = await asyncpg.connect(address(admin, database + suffix), ssl=encrypted)
        try:
            applied += await migrate(connection, files)
            await connection.execute(SHOW_MIGRATIONS)
        finally:
            await connection.close()
    return applied


def log_migrations() -> Iterator[tuple[str, Path]]:
    """Return the migrations of the log's database: the log's own, then each service's."""
    yield from _files("log", ROOT / "shared/runtime/migrations/log")
    for service in SERVICES:
        yield from _files(service, ROOT / "services" / service / "migrations")


def _files(owner: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob("*.sql")):
        yield f"{owner}/{path.name}", path
