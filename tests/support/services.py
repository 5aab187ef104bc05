"""One installation for one test: two databases cloned from a template, a clock that the test moves, and who runs on it.

Knows the schema only as far as waiting needs it: what has not been applied, and what is due.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES, address, prepare
from shared.contracts.envelope import Recorded, decode
from shared.runtime.service import Parts, Running, running

PASSWORD = "made-up"
"""Of every service's role on the tests' own server."""

TEMPLATE = "_template"
"""Suffix of the two databases that each test's are cloned from."""

_QUIET_WITHIN = 20.0
"""Seconds until whatever is not done counts as never done: an order above the slowest chain of reactions."""

_LOOK_EVERY = 0.02
"""Seconds between two looks at what is not done yet."""

# Let the log's time be shifted. The function keeps its owner and its grants.
INSTALL_CLOCK = """
CREATE TABLE log.shift (one boolean PRIMARY KEY DEFAULT true CHECK (one), by interval NOT NULL);
INSERT INTO log.shift (by) VALUES ('0');
GRANT SELECT ON log.shift TO lonewatch_service, lonewatch_log;
CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT clock_timestamp() + s.by FROM log.shift s';
"""

# Deadlines that are due and not yet handled, of one service's topic.
DUE = """
SELECT d.stream_id || ' ' || d.kind FROM log.deadline d JOIN log.owner o USING (topic)
WHERE o.service = $1 AND d.due_at < log.now()
"""

# What one reaction has not applied.
REACTION_BEHIND = """
SELECT a.consumer || ' behind on shard ' || a.shard FROM log.applied a
WHERE a.consumer = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""

READ_MODEL_BEHIND = """
SELECT a.read_model || ' behind on shard ' || a.shard FROM SCHEMA.applied a
WHERE a.read_model = $1
    AND EXISTS (SELECT FROM log.event e WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position)
"""


@dataclass(frozen=True)
class Database:
    """The log's and the keys database of one test."""

    server: str
    suffix: str

    @property
    def admin(self) -> str:
        """Address of the log's database by the superuser, for the checker and for the clock."""
        return address(self.server, LOG_DATABASE + self.suffix)

    @property
    def keys_admin(self) -> str:
        """Address of the keys database by the superuser."""
        return address(self.server, KEYS_DATABASE + self.suffix)

    def dsn(self, service: str) -> str:
        """Address of the log's database by a service's role."""
        return address(self.server, LOG_DATABASE + self.suffix, f"lonewatch_{service}", PASSWORD)

    def keys_dsn(self, service: str) -> str:
        """Address of the keys database by a service's role."""
        return address(self.server, KEYS_DATABASE + self.suffix, f"lonewatch_{service}", PASSWORD)


async def make_template(server: str) -> None:
    """Make roles and the two databases that tests clone, with a clock that can be moved."""
    await prepare(server, dict.fromkeys(SERVICES, PASSWORD), TEMPLATE)
    await _execute(address(server, LOG_DATABASE + TEMPLATE), INSTALL_CLOCK)


@asynccontextmanager
async def cloned(server: str, suffix: str) -> AsyncIterator[Database]:
    """Yield a fresh pair of databases; they are dropped afterwards, whoever is still connected."""
    names = (LOG_DATABASE, KEYS_DATABASE)
    await asyncio.gather(
        *(_execute(server, f"CREATE DATABASE {name}{suffix} TEMPLATE {name}{TEMPLATE}") for name in names)
    )
    try:
        yield Database(server, suffix)
    finally:
        await asyncio.gather(*(_execute(server, f"DROP DATABASE {name}{suffix} WITH (FORCE)") for name in names))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Clock:
    """The log's time, which only ever goes forward."""

    admin: asyncpg.Connection[asyncpg.Record]

    async def now(self) -> datetime:
        """Return the log's time."""
        now: datetime = await self.admin.fetchval("SELECT log.now()")
        return now

    async def forward(self, by: timedelta) -> datetime:
        """Let ``by`` pass at once; return the log's time after it. What falls due is handled by whoever runs."""
        await self.admin.execute("UPDATE log.shift SET by = shift.by + $1", by)
        return await self.now()


@dataclass
class Installation:
    """Databases, keys, a clock, and the services that run on them in this process."""

    database: Database
    wrapping_key_file: Path
    admin: asyncpg.Connection[asyncpg.Record]
    running: dict[str, Running] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)
    apps: dict[str, Any] = field(default_factory=dict)
    """The web applications of the services that run; ``app.state.application`` is the service's own."""
    token: str | None = None
    """The first administrator's, as soon as somebody needs it."""

    @property
    def clock(self) -> Clock:
        """The log's time, to be moved."""
        return Clock(self.admin)

    def settings(self, name: str, **more: Any) -> Any:
        """Return the settings of a service of this installation."""
        values: dict[str, Any] = {
            "database": self.database.dsn(name),
            "keys_database": self.database.keys_dsn(name),
            "wrapping_key_file": self.wrapping_key_file,
            "port": 1,  # never opened: requests come in process
            "alarm_chain": (),  # whoever runs alone would miss the others
        }
        return import_module(f"services.{name}.settings").Settings(**(values | more))

    @asynccontextmanager
    async def service(self, name: str, token: str | None = None, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
        """Run a service in this process; yield a client that shows ``token`` (without one, the first administrator's).

        A second replica of a service that runs is given ``replica="2"``, and is known as ``<name>-2``.
        """
        if token is None and name != "checkin":
            token = await self.administrator()
        async with self._running(name, **settings) as app:
            token = await self.administrator() if token is None else token
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://lonewatch.test", headers=bearer(token)
            ) as client:
                yield client

    async def administrator(self) -> str:
        """Return the first administrator's token, making the administrator as ``lonewatch up`` does."""
        if self.token is None and "checkin" in self.apps:
            self.token = await self.apps["checkin"].state.application.install()
        elif self.token is None:
            async with self._running("checkin") as app:
                self.token = await app.state.application.install()
        assert self.token is not None
        return self.token

    @asynccontextmanager
    async def _running(self, name: str, **settings: Any) -> AsyncIterator[Any]:
        build = import_module(f"services.{name}.app").build
        known_as = f"{name}-{settings['replica']}" if settings.get("replica", "1") != "1" else name
        async with running(name, self.settings(name, **settings), build) as (service, parts):
            app = parts.web(service)
            self.running[known_as], self.parts[known_as], self.apps[known_as] = service, parts, app
            try:
                yield app
            finally:
                del self.running[known_as], self.parts[known_as], self.apps[known_as]

    async def quiet(self) -> None:
        """Wait until nothing is due and everything is applied, as far as the services that run are concerned."""
        until = time.monotonic() + _QUIET_WITHIN
        while left := await self._left():
            if time.monotonic() > until:
                message = f"not done within {_QUIET_WITHIN} s: {', '.join(left[:5])}"
                raise AssertionError(message)
            await asyncio.sleep(_LOOK_EVERY)

    async def _left(self) -> list[str]:
        """Say what is not done: records first, deadlines last, since a record may arm one that is due."""
        left: list[str] = []
        for name, parts in list(self.parts.items()):
            for reaction in parts.reactions:
                left += [row[0] for row in await self.admin.fetch(REACTION_BEHIND, reaction.consumer)]
            for model in parts.read_models:
                behind = READ_MODEL_BEHIND.replace("SCHEMA", model.schema)
                left += [row[0] for row in await self.admin.fetch(behind, model.name)]
            left += [row[0] for row in await self.admin.fetch(DUE, name.partition("-")[0])]
        return left

    async def history(self, stream_id: str | None = None, visit_id: str | None = None) -> list[Recorded]:
        """Return what the log holds in order: all of it, of one stream, or of one visit."""
        rows = await self.admin.fetch(
            "SELECT record FROM log.event WHERE ($1::text IS NULL OR stream_id = $1)"
            " AND ($2::text IS NULL OR visit_id = $2) ORDER BY position",
            stream_id,
            visit_id,
        )
        return [decode(row["record"]) for row in rows]

    async def types(self, stream_id: str | None = None, visit_id: str | None = None) -> list[str]:
        """Return the types of what the log holds in order."""
        return [recorded.envelope.type for recorded in await self.history(stream_id, visit_id)]


def bearer(token: str) -> dict[str, str]:
    """Return the header by which somebody shows a token."""
    return {"Authorization": f"Bearer {token}"}


def suffixes() -> Iterator[str]:
    """Yield a suffix for the databases of each test."""
    number = 0
    while True:
        number += 1
        yield f"_{number}"
