"""Decide which account a local Kafka runs as, and where that account finds the jars. Starts only short-lived programs."""

from __future__ import annotations

import os
import pwd
import shutil
from typing import TYPE_CHECKING

from deploy.local.account import CALLER, UNPRIVILEGED, Account
from deploy.local.kafka.jars import KafkaError, Programs

if TYPE_CHECKING:
    from pathlib import Path


def account_for(data: Path) -> Account:
    """Return whom a broker runs as on its data: never root, which owns this machine; else whoever runs this."""
    if os.geteuid() != 0:
        return CALLER
    owner = data.stat().st_uid if data.is_dir() else 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise KafkaError(f"no account for Apache Kafka: {owner or UNPRIVILEGED} is not known here") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def within_reach(programs: Programs, account: Account, folder: Path) -> Programs:
    """Return the programs with jars that the account can read: the fetched ones, else a copy in the broker's folder."""
    if account.can("-r", next(iter(programs.libs.iterdir()))):
        return programs
    copy = folder / f"libs-{programs.version}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(programs.libs, unfinished)
        unfinished.rename(copy)  # A crash before this leaves a directory that the next start removes.
    return Programs(programs.java, copy)
