"""Run PostgreSQL 18 from its Python wheel: no Docker, nothing installed, no other machine can connect.

For `make up`, the demo and the tests. The server is a child in a session of its own (Ctrl-C does not reach it): who
starts it stops it. When a runner is killed, Linux ends its server in order; elsewhere one left over is taken on by the
next start. All of this blocks; from a coroutine use `asyncio.to_thread`. Knows no schema and no role but the superuser.
"""

import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import psutil

from deploy.local.account import PostgresError, account_for, programs_for, require_reach
from deploy.local.cluster import make_data, make_state, read_password
from deploy.local.configuration import choose_port, write_configuration
from deploy.local.parent import start_server
from deploy.local.ports import HOST
from deploy.local.server import Server, accepts_password, ends, is_ready, last_lines, running

__all__ = ["PostgresError", "Server", "kill", "running", "start", "stop"]

STOPPED_WITHIN: Final = timedelta(seconds=60)
"""How long an orderly end may take: a last checkpoint of 128 MB on a slow disk."""

ENDING: Final = timedelta(seconds=2)
"""How long a server that takes nobody in any more may need to be gone: its last checkpoint is written by then."""

SIGNALS: Final = MappingProxyType({"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM})
"""PostgreSQL's three ways to end: clients are cut off; no last checkpoint either; clients are waited for."""

NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
"""The settings as they are."""


def start(state: Path, *, port: int = 0, settings: Mapping[str, str] = NO_SETTINGS) -> Server:
    """Start the server whose data lies in `state` and return once it answers; make the data first when there is none.

    Port 0 is the port of the last start, or a free one. A server left over from an earlier run is returned as it is,
    with the settings it has. Raises PostgresError.
    """
    state = state.resolve()
    left_over = running(state)
    if left_over is not None and (taken := take_on(left_over, port)) is not None:
        return taken
    account = account_for(state / "data")
    make_state(state, account)
    require_reach(account, state)
    programs = programs_for(account, state)
    make_data(state, account, programs)
    password = read_password(state)
    port = choose_port(state, port)
    write_configuration(state, port, settings)
    command = (programs / "postgres", "-D", state / "data", f"--config-file={state / 'postgresql.conf'}")
    process = start_server(account, command, state / "postgres.log", SIGNALS["fast"])
    server = Server(HOST, port, state / "data", password, process)
    if not (is_ready(server) and accepts_password(server)):
        kill(server)
        raise PostgresError(
            f"PostgreSQL did not start on port {port}. Correct what its log says and start again. "
            f"{state / 'postgres.log'} ends:\n{last_lines(state)}"
        )
    return server


def stop(server: Server | Path, *, mode: Literal["fast", "immediate", "smart"] = "fast") -> None:
    """End the server (or the one on a state directory) in order; nothing when it has ended. Raises PostgresError."""
    found = running(server) if isinstance(server, Path) else server
    if found is None:
        return
    with suppress(psutil.NoSuchProcess):
        found.process.send_signal(SIGNALS[mode])
    if not ends(found.process, STOPPED_WITHIN):
        raise PostgresError(
            f"PostgreSQL (process {found.pid}) has not ended within {STOPPED_WITHIN.seconds} s. "
            "Close its clients, or stop it with mode 'immediate'."
        )


def kill(server: Server) -> None:
    """End the postmaster and all its processes at once; the next start recovers. For tests of faults."""
    children: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        server.process.suspend()  # so that it starts no process while its processes are killed
        children = server.process.children(recursive=True)
    for process in (*children, server.process):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    for process in (server.process, *children):  # one that still ends would hold the memory that the next start needs
        ends(process, STOPPED_WITHIN)


def take_on(server: Server, port: int) -> Server | None:
    """Return the server when it is on the port asked for and takes our password, None when it was about to end.

    Raises PostgresError when it is none of these.
    """
    if port not in (0, server.port):
        raise PostgresError(
            f"PostgreSQL already runs on {server.data}, on port {server.port} (process {server.pid}). "
            "Stop it first, or ask for that port."
        )
    if is_ready(server) and accepts_password(server):
        return server
    if ends(server.process, ENDING):  # whoever ran it has ended just now
        return None
    raise PostgresError(
        f"A PostgreSQL left over from an earlier run (process {server.pid}) holds {server.data} and "
        f"does not take the password in {server.data.parent / 'password'}. "
        f"End it (kill -INT {server.pid}), put the right password back, and start again."
    )
