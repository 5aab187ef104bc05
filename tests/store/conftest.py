"""A log of its own for every test, somebody who appends to it, and a checker that looks at it afterwards.

All tests of this directory share one pair of databases, emptied after each: dropping a pair costs a checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
import pytest_asyncio

from tests.store.appending import Writer, appends
from tests.store.checker import check_log
from tests.support.services import Database, cloned

END_EVERYBODY = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
EMPTY_LOG = """
TRUNCATE log.event, log.command, log.applied, log.deadline, log.cycle, log.relay, log.relay_offset;
UPDATE log.head SET position = 0, recorded_at = '-infinity';
UPDATE log.shift SET by = '0';
"""
EMPTY_KEYS = "TRUNCATE key, credential, secret"


@pytest.fixture(scope="session")
def kept(template: str) -> Iterator[Database]:
    """The one pair of databases of this directory."""
    with asyncio.Runner() as runner:
        pairs = AsyncExitStack()
        yield runner.run(pairs.enter_async_context(cloned(template, "_store")))
        runner.run(pairs.aclose())


@pytest_asyncio.fixture
async def database(kept: Database) -> AsyncIterator[Database]:
    """An empty pair of databases. Afterwards whoever is still connected is cut off, and both are emptied."""
    yield kept
    for dsn, empty in ((kept.admin, EMPTY_LOG), (kept.keys_admin, EMPTY_KEYS)):
        connection = await asyncpg.connect(dsn, ssl=False)
        await connection.execute(END_EVERYBODY)
        await connection.execute(empty)
        await connection.close()


@pytest_asyncio.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The superuser's connection; when the test is done, the whole log is checked by it."""
    connection = await asyncpg.connect(database.admin, ssl=False)
    try:
        yield connection
        await check_log(connection)
    finally:
        connection.terminate()


@pytest_asyncio.fixture
async def checkin(database: Database, admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Writer]:
    """One process of checkin; what it appended is checked after it has ended."""
    assert not admin.is_closed()
    async with appends(database.dsn("checkin")) as writer:
        yield writer


@pytest_asyncio.fixture
async def other_checkin(checkin: Writer, database: Database) -> AsyncIterator[Writer]:
    """A second process of checkin, beside the first."""
    assert not checkin.pool.is_closing()
    async with appends(database.dsn("checkin")) as writer:
        yield writer
