"""What is examined: the settings of services as they read them, from a state folder or from the environment."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES, address
from deploy.local.cluster import read_password
from deploy.local.kafka.carrier import BOOTSTRAP
from deploy.local.ports import HOST
from deploy.local.replicas import WRAPPING_KEY
from services.notifier.settings import Settings
from shared.runtime.clock import wall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One installation, as whoever runs the doctor can see it."""

    services: Mapping[str, Settings]
    """Settings by service: of all four for a state folder, of one for an environment. Notifier's class holds all that is asked for."""
    folder: Path | None = None
    """The state folder of a local installation."""
    clock: Callable[[], datetime] = wall
    """This machine's time."""
    usage: Callable[[Path], tuple[int, int]] = lambda folder: (
        shutil.disk_usage(folder).free,
        shutil.disk_usage(folder).total,
    )
    """Bytes that are free on a folder's disk, and all of them."""

    @property
    def any(self) -> Settings:
        """The settings that all services share, of whichever there is."""
        return next(iter(self.services.values()))


def from_folder(folder: Path) -> Target:
    """Return a local installation by its state folder. Raises PostgresError or OSError where that holds none."""
    port = (folder / "postgres" / "port").read_text("ascii").strip()
    dsn = f"postgresql://postgres:{read_password(folder / 'postgres')}@{HOST}:{port}/postgres"
    services = {}
    for service in SERVICES:
        password = (folder / f"{service}.password").read_text()
        given: dict[str, Any] = {
            "database": address(dsn, LOG_DATABASE, f"lonewatch_{service}", password),
            "keys_database": address(dsn, KEYS_DATABASE, f"lonewatch_{service}", password),
            "wrapping_key_file": folder / WRAPPING_KEY,
            "port": 1,
            **_kafka(folder),
        }
        services[service] = Settings(**given)
    return Target(services, folder)


def _kafka(folder: Path) -> Mapping[str, str]:
    """Return where an installation's own Kafka is; nothing where the environment names another or it never had one."""
    kept = folder / "kafka" / "ports"
    ports = kept.read_text("ascii").split() if kept.exists() else []
    if os.environ.get(BOOTSTRAP) or not ports:
        return {}
    return {"kafka_bootstrap": f"{HOST}:{ports[0]}", "kafka_security": "plaintext"}


def from_environment() -> Target:
    """Return an installation by one service's environment. Raises pydantic's ValidationError where that lacks something."""
    given: dict[str, Any] = {"port": 1}  # nothing listens: the doctor's own environment need not name a port
    settings = Settings(**given)
    role = urlsplit(settings.database.get_secret_value()).username or ""
    return Target({role.removeprefix("lonewatch_"): settings})
