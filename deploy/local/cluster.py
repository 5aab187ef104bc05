"""Make the data directory of the embedded PostgreSQL, and the password that opens it.

The state directory holds `data` (PostgreSQL's own), `password` (the superuser's, for its owner's eyes only), `port`,
`postgresql.conf` and `pg_hba.conf` (see `configuration`) and `postgres.log`. Starts no server.
"""

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.account import Account, PostgresError

MAJOR: Final = "18"
"""The release that our data directories are made with; another cannot read them."""


def make_state(state: Path, account: Account) -> None:
    """Make the state directory when it is new; one for another account may be entered, not listed, by all."""
    if not state.exists():
        state.mkdir(parents=True)
        state.chmod(0o700 if account.uid is None else 0o711)


def read_password(state: Path) -> str:
    """Return the superuser's password. Raises PostgresError when it is gone: it is kept nowhere else."""
    try:
        return (state / "password").read_text("ascii").strip()
    except OSError as error:
        raise PostgresError(
            f"The password of the database in {state} cannot be read ({error.strerror}). "
            f"Put its file back, or remove {state} to begin anew."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read, from its first byte on; it is on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def make_data(state: Path, account: Account, programs: Path) -> None:
    """Make the data directory and the superuser's password unless they are there. Raises PostgresError."""
    data, unfinished = state / "data", state / "data.unfinished"
    if data.exists():
        require_release(data)
        return
    shutil.rmtree(unfinished, ignore_errors=True)
    (state / "password").unlink(missing_ok=True)
    write_private(state / "password", secrets.token_urlsafe(32))
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    with tempfile.NamedTemporaryFile(
        "w", dir=state, encoding="ascii"
    ) as handed:  # 0600: the account's own copy to read
        handed.write(read_password(state))
        handed.flush()
        account.own(Path(handed.name))
        made = account.run(
            programs / "initdb",
            f"--pgdata={unfinished}",
            "--username=postgres",
            f"--pwfile={handed.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
        )
    if made.returncode != 0:
        raise PostgresError(
            f"initdb could not make {data}: {made.stderr.strip()} "
            "Free some space or correct what it names, then start again."
        )
    unfinished.rename(
        data
    )  # A crash before this leaves a directory, and a password for nothing, that the next start replaces.


def require_release(data: Path) -> None:
    """Raise PostgresError unless PostgreSQL of our release made the data directory."""
    mark = data / "PG_VERSION"
    found = mark.read_text("ascii").strip() if mark.exists() else "nothing that PostgreSQL made"
    if found != MAJOR:
        raise PostgresError(
            f"{data} holds {found}, not PostgreSQL {MAJOR}. "
            "Dump it with its own release and restore it, or use another state directory."
        )
