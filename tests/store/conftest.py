"""A log of its own for every test, somebody who appends to it, and a checker that looks at it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from tests.store.appending import Writer, appends
from tests.store.checker import check_log
from tests.support.services import Database


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
