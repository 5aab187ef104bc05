"""Whether each service gets into both of its databases, as it would itself."""

from __future__ import annotations

from asyncio import gather
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg

from deploy.doctor.finding import Finding, error, ok

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

WITHIN = 5.0
"""Seconds for a connection, and for each statement: a database that needs longer cannot be watched with."""

Opened = dict[str, "Connection"]


async def open_all(target: Target, stack: AsyncExitStack) -> tuple[list[Finding], Opened, Opened]:
    """Return what was found, and the connections of each service to the log and to the keys. All are tried at once."""
    findings: list[Finding] = []
    opened: dict[str, Opened] = {"database": {}, "keys": {}}
    wanted = [
        (service, what, secret.get_secret_value())
        for service, settings in target.services.items()
        for what, secret in (("database", settings.database), ("keys", settings.keys_database))
    ]
    for (service, what, _), found in zip(wanted, await gather(*(_open(dsn) for *_, dsn in wanted)), strict=True):
        if isinstance(found, Exception):
            findings.append(_failed(service, what, found))
        else:
            stack.push_async_callback(_close, found)
            opened[what][service] = found
    if not findings:
        findings.append(ok("databases_reached", "Every service reaches the log's and the keys database."))
    return findings, opened["database"], opened["keys"]


async def _open(dsn: str) -> Connection | Exception:
    try:
        return await asyncpg.connect(dsn, timeout=WITHIN, command_timeout=WITHIN)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as failure:
        return failure


async def _close(connection: Connection) -> None:
    """Close a connection; one that is gone already is no news by now."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=WITHIN)


def _failed(service: str, what: str, failure: Exception) -> Finding:
    """Say why a service does not get in. Never the address: it holds a password."""
    setting = "LONEWATCH_DATABASE" if what == "database" else "LONEWATCH_KEYS_DATABASE"
    name = "the log's database" if what == "database" else "the keys database"
    match failure:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return error(
                "password_refused",
                f"PostgreSQL refuses the role or the password of {service} for {name}.",
                f"Give {service} in {setting} the password that its role has, or set the role's anew with ALTER ROLE.",
            )
        case asyncpg.InvalidCatalogNameError() | asyncpg.InsufficientPrivilegeError():
            return error(
                f"{what}_missing",
                f"There is no database that {service} may enter at the address of {name}.",
                f"Put the right name into {setting}, or prepare the server with 'lonewatch up'.",
            )
        case asyncpg.TooManyConnectionsError():
            return error(
                "no_connection_left",
                f"PostgreSQL has no connection left for {service}.",
                "Raise max_connections, or end whoever holds the others.",
            )
    return error(
        f"{what}_unreachable",
        f"{service} does not reach {name} ({type(failure).__name__}).",
        f"Start PostgreSQL, or put the right address into {setting}; see that no firewall stands between.",
    )
