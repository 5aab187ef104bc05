"""A database with an empty log for the tests of this folder; each writes into it and rolls back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.support.services import Database, cloned

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection


@pytest.fixture(scope="module")
def empty_log(template: str) -> Iterator[Database]:
    """A database with an empty log; tests write into it and roll back."""
    with asyncio.Runner() as runner:
        clone = cloned(template, "_checker")
        database = runner.run(clone.__aenter__())
        try:
            yield database
        finally:
            runner.run(clone.__aexit__(None, None, None))


@pytest_asyncio.fixture
async def connection(empty_log: Database) -> AsyncIterator[Connection]:
    """A superuser's connection whose changes are gone after the test."""
    opened = await asyncpg.connect(empty_log.admin, ssl=False)
    transaction = opened.transaction()
    await transaction.start()
    try:
        yield opened
    finally:
        await transaction.rollback()
        await opened.close()
