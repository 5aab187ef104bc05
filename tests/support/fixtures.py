"""The fixtures that tests of every level share; the conftest loads this module as a plugin."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Server
from tests.support.postgres import shared_server
from tests.support.services import Database, Installation, cloned, make_template, suffixes

_SUFFIXES = suffixes()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL for all the tests of a run; each test makes a database of its own in it."""
    with shared_server() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: Server) -> str:
    """The superuser's address of a server that has roles and a prepared pair of databases to clone."""
    asyncio.run(make_template(postgres_server.dsn()))
    return postgres_server.dsn()


@pytest_asyncio.fixture
async def database(template: str) -> AsyncIterator[Database]:
    """A fresh pair of databases, with every migration applied and a clock that can be moved."""
    async with cloned(template, next(_SUFFIXES)) as pair:
        yield pair


@pytest_asyncio.fixture
async def installation(database: Database, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation with nobody in it yet; run services with ``installation.service(name)``."""
    key = tmp_path / "wrapping.key"
    key.write_text(secrets.token_hex(32))
    admin = await asyncpg.connect(database.admin, ssl=False)
    try:
        yield Installation(database, key, admin)
    finally:
        await admin.close()
