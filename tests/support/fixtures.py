"""The fixtures that tests of every level share; the conftest loads this module as a plugin."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Server
from shared.runtime import deadlines, feed
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


LOOK_EVERY = 0.03
"""Seconds between two looks of services that run in the tests' process: less waiting, the same code."""


@pytest_asyncio.fixture
async def installation(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """An installation with nobody in it yet; run services with ``installation.service(name)``."""
    monkeypatch.setattr(feed, "LOOK_EVERY", LOOK_EVERY)
    monkeypatch.setattr(deadlines, "POLL_EVERY", LOOK_EVERY)
    key = tmp_path / "wrapping.key"
    key.write_text(secrets.token_hex(32))
    admin = await asyncpg.connect(database.admin, ssl=False)
    try:
        yield Installation(database, key, admin)
    finally:
        await admin.close()
