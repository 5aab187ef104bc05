"""Where benchmarks run: a PostgreSQL of their own on a real disk, as durable as in earnest, and a fresh log for each.

Refuses a folder in memory, where a sync costs nothing and every figure would be a lie.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES, address, prepare
from deploy.local import postgres

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection

TEMPLATE = "_bench_template"
"""Suffix of the databases that each benchmark's are cloned from."""

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
"""File systems that keep nothing."""


class NoDiskError(RuntimeError):
    """The folder lies in memory."""


@dataclass(frozen=True)
class Log:
    """A fresh log for one benchmark."""

    server: str
    suffix: str
    passwords: str
    admin: Connection

    def dsn(self, service: str) -> str:
        """Address of the log's database by a service's role."""
        return address(self.server, LOG_DATABASE + self.suffix, f"lonewatch_{service}", self.passwords)


@dataclass(frozen=True)
class Ground:
    """A server that is prepared for benchmarks."""

    folder: Path
    server: str
    passwords: str

    @asynccontextmanager
    async def log(self, name: str) -> AsyncIterator[Log]:
        """Yield a fresh log, dropped afterwards."""
        suffix = f"_bench_{name}"
        connection = await asyncpg.connect(self.server, ssl=False)
        try:
            for database in (LOG_DATABASE, KEYS_DATABASE):
                await connection.execute(f"DROP DATABASE IF EXISTS {database}{suffix} WITH (FORCE)")
                await connection.execute(f"CREATE DATABASE {database}{suffix} TEMPLATE {database}{TEMPLATE}")
            admin = await asyncpg.connect(address(self.server, LOG_DATABASE + suffix), ssl=False)
            try:
                yield Log(self.server, suffix, self.passwords, admin)
            finally:
                await admin.close()
            for database in (LOG_DATABASE, KEYS_DATABASE):
                await connection.execute(f"DROP DATABASE {database}{suffix} WITH (FORCE)")
            await connection.execute("CHECKPOINT")  # what this benchmark wrote burdens none that follows
        finally:
            await connection.close()


@contextmanager
def served(folder: Path) -> Iterator[postgres.Server]:
    """Run a PostgreSQL below a folder on a real disk. Raises NoDiskError, PostgresError."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind_of(folder) in IN_MEMORY:
        raise NoDiskError(f"{folder} lies in memory, where a sync costs nothing; name a folder on a disk.")
    server = postgres.start(folder / "postgres")
    try:
        yield server
    finally:
        postgres.stop(server)


def kind_of(folder: Path) -> str:
    """Return the kind of the file system that holds a folder."""
    whole = folder.resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if whole.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else ""


async def prepared(folder: Path, server: postgres.Server) -> Ground:
    """Make the databases that each benchmark's are cloned from, anew: migrations may have changed."""
    passwords = secrets.token_hex(16)
    connection = await asyncpg.connect(server.dsn(), ssl=False)
    try:
        for database in (LOG_DATABASE, KEYS_DATABASE):
            await connection.execute(f"DROP DATABASE IF EXISTS {database}{TEMPLATE} WITH (FORCE)")
    finally:
        await connection.close()
    await prepare(server.dsn(), dict.fromkeys(SERVICES, passwords), TEMPLATE)
    return Ground(folder, server.dsn(), passwords)
