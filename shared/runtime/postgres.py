"""Connections to PostgreSQL: one pool per process and database, with bounds on everything that may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from typing import TypeAlias

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

COMMAND_TIMEOUT = 3.0
"""Seconds that one statement may take before it is given up. asyncpg then waits as long again for the cancellation of a
connection that swallows everything: together less than the 10 s that an alarm may take."""

CONNECT_TIMEOUT = 3.0
"""Seconds to open a connection: a dead server is known by then, and the caller tries again."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)
"""What speaks of the server and not of the statement. Whether it took effect may be unknown; it is worth another try."""


async def open_pool(dsn: str, *, size: int = 6) -> Pool:
    """Open a pool of up to ``size`` connections, one of them warm. Raises what is in LOST when there is no server."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT,
        timeout=CONNECT_TIMEOUT,
        max_inactive_connection_lifetime=0,
        reset=_keep,
    )


async def _keep(_connection: Connection) -> None:
    """Give a connection back as it is: nothing of ours sets anything in a session, and asyncpg has ended its transaction.

    Its own reset would be one more round trip after every statement.
    """
