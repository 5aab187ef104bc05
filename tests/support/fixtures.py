"""The fixtures that tests of every level share; the conftest loads this module as a plugin."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime import deadlines, feed
from tests.support.postgres import shared_container, shared_server
from tests.support.services import Database, Installation, cloned, make_template, suffixes

_SUFFIXES = suffixes()


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """The superuser's address of one PostgreSQL for all the tests of a run; each makes a database of its own in it."""
    if os.environ.get("LONEWATCH_TEST_POSTGRES") == "container":
        with shared_container() as address:
            yield address
        return
    with shared_server() as server:
        yield server.dsn()


@pytest.fixture(scope="session")
def template(postgres_address: str) -> str:
    """The superuser's address of a server that has roles and a prepared pair of databases to clone."""
    asyncio.run(make_template(postgres_address))
    return postgres_address


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
