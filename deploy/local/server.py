"""A running embedded PostgreSQL: where it is, whether it answers, what it last said. Starts and ends none."""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil

from deploy.local.account import CALLER, PROGRAMS, installed
from deploy.local.cluster import read_password
from deploy.local.ports import HOST

TICK: Final = timedelta(milliseconds=50)
"""Between two looks at a server that starts or ends: too short to notice, long enough to leave it the processor."""

SILENT_TICKS: Final = 600
"""How often a starting server may give no answer at all: 30 s, ten times what a slow machine needs."""

RECOVERY_TICKS: Final = 6000
"""How often it may answer that it is not ready: 5 min, because ending it while it recovers from a crash is no help."""

LAST_LINES: Final = 15
"""How much of the server's log an error quotes: the reason and what led to it."""


@dataclass(frozen=True)
class Server:
    """A running server: its address, its superuser's password, and its first process (the postmaster)."""

    host: str
    port: int
    data: Path
    password: str = field(repr=False)
    process: psutil.Process = field(repr=False, compare=False)

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self.process.pid

    def dsn(self, role: str = "postgres", password: str | None = None, database: str = "postgres") -> str:
        """Return the address for a role; only the superuser's password is known here, another role's must be given."""
        known = self.password if password is None and role == "postgres" else password
        login = quote(role, safe="") + ("" if known is None else ":" + quote(known, safe=""))
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(database, safe='')}"


def running(state: Path) -> Server | None:
    """Return the server that runs on a state directory, whoever started it, or None; it may not answer yet."""
    data = state.resolve() / "data"
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
        process = psutil.Process(int(lines[0]))
        if (
            process.status() == psutil.STATUS_ZOMBIE
        ):  # it was ours and was killed: until it is reaped PostgreSQL finds it alive
            os.waitpid(process.pid, os.WNOHANG)
            return None
        if str(data) not in process.cmdline():  # a file from before a restart of the machine: the id is another's now
            return None
        return Server(HOST, int(lines[3]), data, read_password(data.parent), process)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def is_ready(server: Server) -> bool:
    """Wait until the server takes connections; False when it has ended or takes too long."""
    silent = 0
    for _ in range(RECOVERY_TICKS):
        answer = CALLER.run(installed() / PROGRAMS / "pg_isready", "-q", *login(server)).returncode
        silent += answer > 1
        if answer == 0 or silent > SILENT_TICKS:
            return answer == 0
        if ends(server.process, TICK):
            return False
    return False


def ends(process: psutil.Process, within: timedelta) -> bool:
    """Wait for a process to end and say whether it did; one whose parent does not ask how it ended has ended too."""
    for _ in range(within // TICK):
        try:
            dead = process.status() == psutil.STATUS_ZOMBIE
            process.wait(0 if dead else TICK.total_seconds())
        except psutil.NoSuchProcess:
            return True
        except psutil.TimeoutExpired:
            if dead:  # not ours to reap
                return True
        else:
            return True
    return False


def accepts_password(server: Server) -> bool:
    """Whether the superuser gets in with the password of the state: then it is ours, no stranger on the port."""
    program = installed() / PROGRAMS / "psql"
    answered = CALLER.run(program, "-Xqw", *login(server), "--command=SELECT 1", password=server.password)
    return answered.returncode == 0


def login(server: Server) -> tuple[str, ...]:
    """Return the options by which PostgreSQL's programs reach the server as its superuser."""
    return f"--host={server.host}", f"--port={server.port}", "--username=postgres", "--dbname=postgres"


def last_lines(state: Path) -> str:
    """Return the end of the server's log, which holds no personal data (`configuration.FIXED` sees to it)."""
    return "\n".join((state / "postgres.log").read_text("utf-8", "replace").splitlines()[-LAST_LINES:])
