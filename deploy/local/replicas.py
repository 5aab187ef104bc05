"""Describe the processes of one installation: every replica of every service, and the front. Starts none."""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.database import KEYS_DATABASE, LOG_DATABASE, ROOT, SERVICES, address
from deploy.local.ports import free_ports
from deploy.local.processes import Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_REPLICAS = 9
"""Of every service on one machine: more of them share the same processor and watch no better."""

FRONT_SETTINGS = ("LONEWATCH_RING",)
"""Settings of the services that the front has, too: whom to ring while nobody answers."""

WRAPPING_KEY = "wrapping.key"
"""File in the state folder that holds the key which wraps every person's."""


TREE_KEY = "tree.key"
"""File in the state folder that holds the seed of the key which signs the tree's checkpoints."""

TREE = "tree"
"""Folder in the state folder that holds the tree of the log: beside the databases, and not in them."""


@dataclass(frozen=True)
class Fleet:
    """The processes of one installation, by name: ``checkin-1`` …, and ``front``."""

    processes: Mapping[str, Process]
    addresses: Mapping[str, str]
    """Where each replica is asked, without the front; for those who look at one of them."""

    def of(self, service: str) -> tuple[str, ...]:
        """Return the names of a service's replicas; the front is the only one of its kind."""
        return tuple(name for name in self.processes if name.partition("-")[0] == service)


def fleet(
    state: Path, dsn: str, url: str, *, replicas: int, passwords: Mapping[str, str], settings: Mapping[str, str]
) -> Fleet:
    """Describe the replicas of the four services and the front at ``url``, each with its own settings."""
    ports = iter(free_ports(len(SERVICES) * replicas))
    processes: dict[str, Process] = {}
    addresses: dict[str, str] = {}
    for service in SERVICES:
        common = {
            **_inherited(),
            "LONEWATCH_DATABASE": address(dsn, LOG_DATABASE, f"lonewatch_{service}", passwords[service]),
            "LONEWATCH_KEYS_DATABASE": address(dsn, KEYS_DATABASE, f"lonewatch_{service}", passwords[service]),
            "LONEWATCH_WRAPPING_KEY_FILE": str(secret_file(state, WRAPPING_KEY)),
            "LONEWATCH_PUBLIC_URL": url,
            **(_tree(state) if service == "audit" else {}),
            **settings,
        }
        for number in range(1, replicas + 1):
            name, port = f"{service}-{number}", next(ports)
            environment = {**common, "LONEWATCH_PORT": str(port), "LONEWATCH_REPLICA": str(number)}
            if name == "checkin-1":  # one of them alone, so that it is shown once
                environment["LONEWATCH_FIRST_ADMINISTRATOR_FILE"] = str(state / "first-administrator")
            command = [sys.executable, "-m", f"services.{service}"]
            processes[name] = Process(name, command, environment, state / "logs" / f"{name}.log")
            addresses[name] = f"http://127.0.0.1:{port}"
    processes["front"] = _front(state, url, addresses, settings)
    return Fleet(processes, addresses)


def _front(state: Path, url: str, addresses: Mapping[str, str], settings: Mapping[str, str]) -> Process:
    asked = {service: [at for name, at in addresses.items() if name.startswith(f"{service}-")] for service in SERVICES}
    described = {"port": int(url.rpartition(":")[2]), "services": asked}
    environment = {
        **_inherited(),
        **{name: settings[name] for name in FRONT_SETTINGS if name in settings},
        "LONEWATCH_FRONT": json.dumps(described),
    }
    return Process("front", [sys.executable, "-m", "deploy.front"], environment, state / "logs" / "front.log")


def _tree(state: Path) -> dict[str, str]:
    """Return where audit keeps the tree of the log, and the key that signs it."""
    return {
        "LONEWATCH_TREE_FOLDER": str(state / TREE),
        "LONEWATCH_TREE_KEY_FILE": str(secret_file(state, TREE_KEY)),
    }


def _inherited() -> dict[str, str]:
    """Return what a service needs of this process's environment, and none of its secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONHASHSEED")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONPATH": str(ROOT)}


def secret_file(state: Path, name: str) -> Path:
    """Return a file with 64 hexadecimal digits that only this account reads, made the first time."""
    path = state / name
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path


def role_passwords(state: Path) -> dict[str, str]:
    """Return each role's password, made the first time."""
    return {service: secret_file(state, f"{service}.password").read_text() for service in SERVICES}
