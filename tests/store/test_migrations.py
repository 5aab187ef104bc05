"""A database is brought up to date once, whoever does it and however often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.database import SERVICES, prepare
from shared.runtime.schema import ChangedMigrationError, migrate
from tests.store.appending import Writer, appends, to
from tests.support.services import PASSWORD, Database, cloned

APPLIED = "SELECT name FROM lonewatch.migration WHERE name LIKE 'test/%' ORDER BY applied_at"
MIGRATIONS = {
    "test/0001_first.sql": "CREATE TABLE first (n int)",
    "test/0002_second.sql": "ALTER TABLE first ADD m int",
}


@pytest.fixture
async def database(template: str) -> AsyncIterator[Database]:
    """A pair of databases of the test's own: what is migrated stays."""
    async with cloned(template, "_migrated") as pair:
        yield pair


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[str, Path]]:
    """Two migrations, the second of which needs the first."""
    found = []
    for name, sql in MIGRATIONS.items():
        path = tmp_path / name.partition("/")[2]
        path.write_text(sql)
        found.append((name, path))
    return found


async def test_a_migration_is_applied_once(
    admin: asyncpg.Connection[asyncpg.Record], files: list[tuple[str, Path]]
) -> None:
    assert await migrate(admin, files[:1]) == list(MIGRATIONS)[:1]
    assert await migrate(admin, files) == list(MIGRATIONS)[1:]
    assert await migrate(admin, files) == []
    assert [row["name"] for row in await admin.fetch(APPLIED)] == list(MIGRATIONS)


async def test_of_two_that_migrate_at_once_one_does_it_and_the_other_finds_it_done(
    database: Database, admin: asyncpg.Connection[asyncpg.Record], files: list[tuple[str, Path]]
) -> None:
    other = await asyncpg.connect(database.admin)
    done = await asyncio.gather(migrate(admin, files), migrate(other, files))
    await other.close()
    assert sorted(done) == [[], list(MIGRATIONS)]


async def test_a_file_that_changed_after_it_was_applied_is_refused_by_name(
    admin: asyncpg.Connection[asyncpg.Record], files: list[tuple[str, Path]]
) -> None:
    await migrate(admin, files[:1])
    files[0][1].write_text("CREATE TABLE first (n int, m int)")
    with pytest.raises(ChangedMigrationError, match=r"test/0001_first\.sql"):
        await migrate(admin, files)
    assert [row["name"] for row in await admin.fetch(APPLIED)] == list(MIGRATIONS)[:1]


async def test_a_migration_that_fails_changes_nothing_and_lets_the_next_one_try(
    database: Database, admin: asyncpg.Connection[asyncpg.Record], files: list[tuple[str, Path]]
) -> None:
    files[1][1].write_text("ALTER TABLE first ADD k int; SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(admin, files)
    assert [row["name"] for row in await admin.fetch(APPLIED)] == list(MIGRATIONS)[:1]
    files[1][1].write_text(MIGRATIONS[files[1][0]])
    other = await asyncpg.connect(database.admin)
    assert await migrate(other, files) == list(MIGRATIONS)[1:]
    await other.close()


async def test_preparing_again_keeps_what_is_there(
    template: str, database: Database, checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-a"))
    before = await admin.fetchrow("SELECT * FROM log.head")
    await prepare(template, dict.fromkeys(SERVICES, PASSWORD), database.suffix)
    assert await admin.fetchrow("SELECT * FROM log.head") == before
    async with appends(database.dsn("checkin")) as again:
        assert (await again.append(to("worker-a", 1))).first_position == 2
