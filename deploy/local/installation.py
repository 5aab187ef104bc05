"""One installation on this machine: PostgreSQL, four services and the front, with all their state in one folder.

Used by ``lonewatch up``, by the demo and by the system tests. What it starts it stops.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2

from deploy.database import KEYS_DATABASE, LOG_DATABASE, ROOT, SERVICES, address, prepare
from deploy.local import postgres
from deploy.local.processes import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

READY_WITHIN = timedelta(seconds=60)
"""How long services may take to become ready: a slow machine needs ten seconds, a crash recovery some more."""

_MOST_RESTARTS = 4
"""Exits during the start after which waiting longer helps nobody."""

_POSTGRES_PAUSE = 5.0
"""Seconds before PostgreSQL is tried again when it did not start: its disk may be full, and its log grows."""

_LOOK_EVERY = 0.2


class NotReadyError(RuntimeError):
    """Something did not become ready; the message says what, and where its lines are."""


@dataclass(frozen=True)
class Installation:
    """A running installation."""

    state: Path
    url: str
    server: postgres.Server
    processes: Mapping[str, Process]
    first_administrator: str | None
    """The first administrator's token, when this start made it."""

    def dsn(self, database: str = LOG_DATABASE) -> str:
        """Return the superuser's address of a database, for those who check from outside."""
        return self.server.dsn(database=database)


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@asynccontextmanager
async def installation(
    state: Path, *, port: int, settings: Mapping[str, str] | None = None, say: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Installation]:
    """Start an installation below ``state``, with its front on ``port``, and stop it at the end.

    ``settings`` are further settings of services (``LONEWATCH_SMTP_HOST`` …). ``say`` is told what happens.
    Raises PostgresError or NotReadyError, whose messages say what to do.
    """
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(_make_folders, state)
        stack.enter_context(_alone(state))
        yield await stack.enter_async_context(_running(state, port, settings or {}, say))


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
    state: Path, port: int, settings: Mapping[str, str], say: Callable[[str], None]
) -> AsyncIterator[Installation]:
    say("starting PostgreSQL")
    server = await asyncio.to_thread(postgres.start, state / "postgres")
    processes: dict[str, Process] = {}
    stopping = asyncio.Event()
    keeper = asyncio.create_task(_keep_postgres(state / "postgres", stopping, say))
    try:
        say("bringing the database up to date")
        passwords = _passwords(state)
        await prepare(server.dsn(), passwords)
        url = f"http://127.0.0.1:{port}"
        processes = _processes(state, server, passwords, url, port, settings)
        say("starting the services")
        for process in processes.values():
            await process.start()
        await _ready(url, processes)
        yield Installation(state, url, server, processes, _take_token(state))
    finally:
        stopping.set()
        await asyncio.gather(keeper, *(process.stop() for process in processes.values()), return_exceptions=True)
        await asyncio.to_thread(postgres.stop, state / "postgres")  # whichever runs: it may have crashed meanwhile


async def _keep_postgres(state: Path, stopping: asyncio.Event, say: Callable[[str], None]) -> None:
    """Start PostgreSQL again whenever it has ended by itself; the services find it, as they would a database server."""
    pause = _LOOK_EVERY
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        pause = _LOOK_EVERY
        if not stopping.is_set() and await asyncio.to_thread(postgres.running, state) is None:
            say("PostgreSQL has ended; starting it again")
            try:
                await asyncio.to_thread(postgres.start, state)
            except (postgres.PostgresError, OSError) as error:
                say(str(error))
                pause = _POSTGRES_PAUSE


def _make_folders(state: Path) -> None:
    (state / "logs").mkdir(parents=True, exist_ok=True)


def _processes(
    state: Path, server: postgres.Server, passwords: Mapping[str, str], url: str, port: int, settings: Mapping[str, str]
) -> dict[str, Process]:
    """Return the four services and the front, each with its own settings."""
    processes = {}
    addresses = {}
    for service in SERVICES:
        own_port = free_port()
        addresses[service] = [f"http://127.0.0.1:{own_port}"]
        environment = {
            **_inherited(),
            "LONEWATCH_DATABASE": address(server.dsn(), LOG_DATABASE, f"lonewatch_{service}", passwords[service]),
            "LONEWATCH_KEYS_DATABASE": address(server.dsn(), KEYS_DATABASE, f"lonewatch_{service}", passwords[service]),
            "LONEWATCH_WRAPPING_KEY_FILE": str(_secret_file(state, "wrapping.key")),
            "LONEWATCH_PORT": str(own_port),
            "LONEWATCH_PUBLIC_URL": url,
            **settings,
        }
        if service == "checkin":
            environment["LONEWATCH_FIRST_ADMINISTRATOR_FILE"] = str(state / "first-administrator")
        command = [sys.executable, "-m", f"services.{service}"]
        processes[service] = Process(service, command, environment, state / "logs" / f"{service}.log")
    environment = {**_inherited(), "LONEWATCH_FRONT": json.dumps({"port": port, "services": addresses})}
    processes["front"] = Process("front", [sys.executable, "-m", "deploy.front"], environment, state / "logs/front.log")
    return processes


def _inherited() -> dict[str, str]:
    """Return what a service needs of this process's environment, and none of its secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONHASHSEED")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONPATH": str(ROOT)}


def _secret_file(state: Path, name: str) -> Path:
    """Return a file with 64 hexadecimal digits that only this account reads, made the first time."""
    path = state / name
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path


def _passwords(state: Path) -> dict[str, str]:
    """Return each role's password, made the first time."""
    return {service: _secret_file(state, f"{service}.password").read_text() for service in SERVICES}


def _take_token(state: Path) -> str | None:
    """Return the first administrator's token and remove its file: it is shown once and kept nowhere."""
    path = state / "first-administrator"
    if not path.exists():
        return None
    token = path.read_text().strip()
    path.unlink()
    return token


async def _ready(url: str, processes: Mapping[str, Process]) -> None:
    """Wait until the front reaches every service and each says that it is ready."""
    loop = asyncio.get_running_loop()
    until = loop.time() + READY_WITHIN.total_seconds()
    waiting = list(SERVICES)
    async with httpx2.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        while waiting:
            for service in list(waiting):
                try:
                    if (await client.get(f"/{service}/readyz")).status_code == httpx2.codes.OK:
                        waiting.remove(service)
                except httpx2.TransportError:
                    pass  # the front is not there yet
            failing = [
                process
                for process in processes.values()
                if process.restarts >= _MOST_RESTARTS or process.exit_code == os.EX_CONFIG
            ]
            if failing:
                raise NotReadyError(f"{failing[0].name} does not start. {_reason(failing[0].output)}")
            if waiting and loop.time() > until:
                raise NotReadyError(
                    f"{', '.join(waiting)} did not become ready within {READY_WITHIN.seconds} s. "
                    f"{_reason(processes[waiting[0]].output)}"
                )
            await asyncio.sleep(_LOOK_EVERY)


def _reason(output: Path) -> str:
    """Return the sentence in which a service last said why it cannot start, and where its lines are."""
    where = f"Its lines are in {output}."
    for line in reversed(output.read_text(errors="replace").splitlines()):
        with suppress(ValueError, KeyError, TypeError):
            return f"{json.loads(line)['reason']} {where}"
    return where
