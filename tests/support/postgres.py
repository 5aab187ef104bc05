"""A PostgreSQL of the tests' own, in a temporary directory that goes when they are done. Knows no schema."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from deploy.local.postgres import Server, start, stop
from tests.support.containers import postgres_container
from tests.support.waiting import until

MEMORY = Path("/dev/shm")  # noqa: S108 -- a directory of our own is made below it
"""Where Linux keeps files in memory: they outlive any killed process, and a sync costs nothing."""

ROOM = 4 * 1024**3
"""Bytes that must be free there: the largest test appends 200,000 events, and hundreds have two databases each."""


def _folder() -> Path | None:
    """Return where to make directories: in memory where there is room, else where temporary files go."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


@contextmanager
def temporary_state() -> Iterator[Path]:
    """Yield a directory that PostgreSQL's account can enter even when root tests; pytest's own are closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="lonewatch-postgres-", dir=_folder())).resolve()
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def shared_server() -> Iterator[Server]:
    """Yield a running server, as durable as in earnest; stopped and removed at the end, whatever is still open."""
    with temporary_state() as state:
        server = start(state)
        try:
            yield server
        finally:
            stop(server, mode="immediate")  # the data goes with it: a last checkpoint would be for nobody


@contextmanager
def shared_container() -> Iterator[str]:
    """Yield the superuser's address of a server in a container, for machines that the embedded one is not made for."""
    started = postgres_container()
    try:
        asyncio.run(until(lambda: _answers(started.address), within=60.0))
        yield started.address
    finally:
        started.stop()


async def _answers(address: str) -> bool:
    try:
        connection = await asyncpg.connect(address, ssl=False)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
