"""Make the secrets that docker-compose.yml names: ``python3 deploy/image/make_secrets.py [FOLDER]``. Needs no library.

What is there stays as it is, so it is safe to run again. Makes no certificate: that is the operator's to bring.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ACCOUNT = 10001
"""Whom the image runs as (the Dockerfile's USER), and the group that reads the files."""

PASSWORDS = tuple(f"{role}_password" for role in ("admin", "checkin", "escalation", "notifier", "audit"))
"""Of PostgreSQL's superuser and of each service's role."""

EMPTY = ("smtp_password", "heartbeat_url")
"""Given by the operator where they have a mail server that wants a login, and a dead man's switch."""

WRAPPING_KEY = "wrapping_key"
"""Without a copy of this one, kept elsewhere, no name and no number can ever be read again."""

TREE_KEY = "tree_key"
"""Signs the checkpoints of the tree. Whoever has it could sign another tree; without it this one can be read and not go on."""


def make_secrets(folder: Path) -> list[str]:
    """Make whatever is missing below ``folder``, for its owner and the image's group alone; return the names made."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    _own(folder)
    made = []
    for name in (*PASSWORDS, WRAPPING_KEY, TREE_KEY, *EMPTY):
        try:
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
        except FileExistsError:
            continue
        with os.fdopen(file, "w", encoding="ascii") as opened:
            opened.write("" if name in EMPTY else secrets.token_hex(32) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        _own(folder / name)
        made.append(name)
    return made


def _own(path: Path) -> None:
    """Let the image's group read it, where this account may say so."""
    if os.geteuid() == 0:
        os.chown(path, 0, ACCOUNT)


def main() -> None:
    """Make them and say what was made."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "secrets")
    made = make_secrets(folder)
    sys.stdout.write(f"Made in {folder}: {', '.join(made) or 'nothing, all are there'}.\n")
    sys.stdout.write(f"Keep a copy of {folder / WRAPPING_KEY} and {folder / TREE_KEY} somewhere else.\n")
    if os.geteuid() != 0:
        sys.stdout.write(f"Now let the image's group read them: sudo chown -R root:{ACCOUNT} {folder}\n")


if __name__ == "__main__":
    main()
