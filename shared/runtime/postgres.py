"""Connections to PostgreSQL: one pool per process and database, with bounds on everything that may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from typing import TypeAlias

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

COMMAND_TIMEOUT = 10.0
"""Seconds that one statement may take before its connection is given up: the database gives up a lock after 5."""

CONNECT_TIMEOUT = 5.0
"""Seconds to open a connection: a dead server is known by then, and the caller tries again."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)
"""What speaks of the server and not of the statement. Whether it took effect may be unknown; it is worth another try."""


async def open_pool(dsn: str, *, size: int = 8) -> Pool:
    """Open a pool of up to ``size`` connections. Raises OSError or asyncpg.PostgresError when there is no server."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT,
        timeout=CONNECT_TIMEOUT,
        max_inactive_connection_lifetime=60,
    )
