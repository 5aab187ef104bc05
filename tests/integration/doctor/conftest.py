"""A healthy installation on a server of its own, to be broken by one test after another; each mends what it broke."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.database import SERVICES, prepare
from deploy.doctor import Finding, Target, examine
from deploy.local.postgres import Server, start, stop
from tests.support.postgres import temporary_state
from tests.support.services import PASSWORD, Database, Installation

CONNECTIONS = 120
"""Enough for one replica of every service; too few for two."""

AT_WORK = """
INSERT INTO log.cycle (service, replica, loop, finished_at)
SELECT service, '1', loop, clock_timestamp()
FROM unnest($1::text[]) AS service CROSS JOIN unnest(ARRAY['feed', 'clock']) AS loop
ON CONFLICT (service, replica, loop) DO UPDATE SET finished_at = excluded.finished_at
"""
"""As if every service were at work at this moment."""


@dataclass
class Patient:
    """An installation that the doctor examines, and the superuser who breaks it."""

    installation: Installation
    folder: Path

    def target(self, *services: str, more: dict[str, Any] | None = None, **settings: Any) -> Target:
        """Return what the doctor is given: settings of services, changed as a test says."""
        names = services or SERVICES
        found = {name: self.installation.settings("notifier", **self._addresses(name), **settings) for name in names}
        return Target(found, self.folder, **(more or {}))

    async def do(self, *statements: str) -> None:
        """Run statements as the superuser, each in a commit of its own."""
        for statement in statements:
            await self.installation.admin.execute(statement)

    def _addresses(self, service: str) -> dict[str, str]:
        database = self.installation.database
        return {"database": database.dsn(service), "keys_database": database.keys_dsn(service)}


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A PostgreSQL that these tests may spoil."""
    with temporary_state() as state:
        server = start(state, settings={"max_connections": str(CONNECTIONS)})
        try:
            yield server
        finally:
            stop(server, mode="immediate")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(own_server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Patient]:
    """An installation in which nothing is wrong, as ``lonewatch up`` makes one."""
    await prepare(own_server.dsn(), dict.fromkeys(SERVICES, PASSWORD))
    folder = tmp_path_factory.mktemp("patient")
    key = folder / "wrapping.key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    database = Database(own_server.dsn(), "")
    admin = await asyncpg.connect(database.admin, ssl=False)
    try:
        installation = Installation(database, key, admin)
        await installation.administrator()
        yield Patient(installation, folder)
    finally:
        await admin.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _at_work(patient: Patient) -> None:
    await patient.installation.admin.execute(AT_WORK, list(SERVICES))


def found(findings: list[Finding], code: str) -> Finding:
    """Return the finding with a code, which says what to do."""
    named = [one for one in findings if one.code == code]
    assert named, f"{code} is not among {[one.code for one in findings if one.level != 'ok']}"
    assert named[0].sentence.endswith(".")
    assert named[0].remedy
    return named[0]


async def named(target: Target, code: str) -> Finding:
    """Examine, and return the finding with a code."""
    return found(await examine(target), code)
