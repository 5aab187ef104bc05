"""One installation on this machine: PostgreSQL, four services in replicas, the front and a Kafka, all in one folder.

Used by ``lonewatch up``, by the demo and by the system tests. What it starts it stops.
"""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.database import LOG_DATABASE, prepare
from deploy.local import postgres
from deploy.local.configuration import DEFAULTS, connections_for
from deploy.local.kafka.carrier import LOG_ALONE, Carrier
from deploy.local.kafka.keeper import KafkaKeeper, kept
from deploy.local.keeper import Keeper
from deploy.local.ports import free_port, port_is_free
from deploy.local.readiness import NotReadyError, ready
from deploy.local.replicas import Fleet, fleet, role_passwords

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from deploy.local.processes import Process

__all__ = ["Installation", "NotReadyError", "free_port", "installation", "port_is_free"]


@dataclass(frozen=True)
class Installation:
    """A running installation."""

    state: Path
    url: str
    server: postgres.Server
    fleet: Fleet
    keeper: Keeper
    first_administrator: str | None
    """The first administrator's token, when this start made it."""
    kafka: KafkaKeeper | None = None
    """Keeps the broker that this installation runs itself, where it runs one."""

    @property
    def processes(self) -> Mapping[str, Process]:
        """Its processes by name: ``checkin-1`` …, and ``front``."""
        return self.fleet.processes

    def dsn(self, database: str = LOG_DATABASE) -> str:
        """Return the superuser's address of a database, for those who check from outside."""
        return self.server.dsn(database=database)


def _quiet(_: str) -> None:
    """Say nothing."""


@asynccontextmanager
async def installation(
    state: Path,
    *,
    port: int,
    replicas: int = 1,
    settings: Mapping[str, str] | None = None,
    carrier: Carrier = LOG_ALONE,
    say: Callable[[str], None] = _quiet,
) -> AsyncIterator[Installation]:
    """Start an installation below ``state``, with its front on ``port``, and stop it at the end.

    Every service runs as ``replicas`` processes. ``settings`` are further settings of services
    (``LONEWATCH_SMTP_HOST`` …). What the ``carrier`` needs run here is started in the background: nothing waits for it.
    ``say`` is told what happens. Raises PostgresError or NotReadyError, whose messages say what to do.
    """
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(_make_folders, state)
        stack.enter_context(_alone(state))
        kafka = await stack.enter_async_context(kept(carrier.node, say))
        told = {**carrier.settings, **(settings or {})}
        running = await stack.enter_async_context(_running(state, port, replicas, told, say))
        yield replace(running, kafka=kafka)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the folder: a second runner would share its PostgreSQL, and stop it under the first."""
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotReadyError(
                f"Another Lonewatch runs on {state}. Stop it first, or give another folder with --state."
            ) from None
        yield


@asynccontextmanager
async def _running(
    state: Path, port: int, replicas: int, settings: Mapping[str, str], say: Callable[[str], None]
) -> AsyncIterator[Installation]:
    say("starting PostgreSQL")
    connections = max(int(DEFAULTS["max_connections"]), connections_for(replicas))
    keeper = Keeper(state / "postgres", {"max_connections": str(connections)}, say)
    server = await asyncio.to_thread(postgres.start, keeper.state, settings=keeper.settings)
    keeping = asyncio.create_task(keeper.run())
    processes: Mapping[str, Process] = {}
    try:
        say("bringing the database up to date")
        passwords = role_passwords(state)
        await prepare(server.dsn(), passwords)
        url = f"http://127.0.0.1:{port}"
        begun = fleet(state, server.dsn(), url, replicas=replicas, passwords=passwords, settings=settings)
        processes = begun.processes
        say("starting the services")
        for process in processes.values():
            await process.start()
        asked = {name: f"{at}/readyz" for name, at in begun.addresses.items()}
        await ready({**asked, "front": f"{url}/checkin/healthz"}, processes, watching=True)
        yield Installation(state, url, server, begun, keeper, _take_token(state))
    finally:
        keeper.stop()
        await asyncio.gather(keeping, *(process.stop() for process in processes.values()), return_exceptions=True)
        await asyncio.to_thread(postgres.stop, state / "postgres")  # whichever runs: it may have crashed meanwhile


def _make_folders(state: Path) -> None:
    (state / "logs").mkdir(parents=True, exist_ok=True)


def _take_token(state: Path) -> str | None:
    """Return the first administrator's token and remove its file: it is shown once and kept nowhere."""
    path = state / "first-administrator"
    if not path.exists():
        return None
    token = path.read_text().strip()
    path.unlink()
    return token
