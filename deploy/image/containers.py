"""Programs out of the image, beside a PostgreSQL: each with the settings that docker-compose.yml gives it. Ended together.

Used by ``make image`` to try what it has built, and by the campaign that plays the demo's story on the image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.database import KEYS_DATABASE, LOG_DATABASE, SERVICES
from deploy.image.certificate import write_certificate
from deploy.image.engine import end
from deploy.image.make_secrets import ACCOUNT, make_secrets
from deploy.local.installation import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.image.engine import Engine
    from deploy.local.postgres import Server

SECRETS = "/run/secrets"
"""Where an engine puts a container's secrets."""

FIRST_ADMINISTRATOR = "/var/lib/lonewatch/first-administrator"
"""Where checkin leaves the first administrator's token: the one folder of the image that its account may write."""

ENDS_WITHIN = 15.0
"""Seconds for one program to end in order: a service takes at most 6, a slow machine twice that."""


@dataclass
class Containers:
    """What runs out of the image, and where."""

    using: Engine
    folder: Path
    """Secrets, and a file of lines for each program."""
    server: Server
    more: Mapping[str, str]
    """Further settings of every service."""
    ports: dict[str, int] = field(default_factory=dict)
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(
        self, *words: str, environment: Mapping[str, str] | None = None, entry: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        line = self.using.run_line(words, environment or {}, self._mounted(), entry=entry)
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)

    def start(self, name: str, environment: Mapping[str, str]) -> None:
        """Start a service or the front, called ``name`` or ``name-…``."""
        line = self.using.run_line([name.partition("-")[0]], environment, self._mounted())
        with self.lines(name).open("ab") as lines:
            self.started[name] = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, start_new_session=True
            )

    def end(self) -> dict[str, int]:
        """End everything, the front first, and return the exit codes."""
        return {name: end(self.started.pop(name), ENDS_WITHIN) for name in reversed(list(self.started))}

    def lines(self, name: str) -> Path:
        """Return the file with a program's lines."""
        return self.folder / f"{name}.log"

    def migration(self) -> dict[str, str]:
        """Return the settings of the migration."""
        passwords = {
            f"LONEWATCH_{service.upper()}_PASSWORD_FILE": _secret(f"{service}_password") for service in SERVICES
        }
        return {
            "LONEWATCH_ADMIN_DATABASE": f"postgresql://postgres@127.0.0.1:{self.server.port}/postgres",
            "LONEWATCH_ADMIN_PASSWORD_FILE": _secret("admin_password"),
            **passwords,
        }

    def service(self, service: str, url: str) -> dict[str, str]:
        """Return the settings of a service; its port is chosen here."""
        at = f"postgresql://lonewatch_{service}@127.0.0.1:{self.server.port}"
        self.ports[service] = free_port()
        administrator = {"LONEWATCH_FIRST_ADMINISTRATOR_FILE": FIRST_ADMINISTRATOR} if service == "checkin" else {}
        return {
            "LONEWATCH_DATABASE": f"{at}/{LOG_DATABASE}",
            "LONEWATCH_KEYS_DATABASE": f"{at}/{KEYS_DATABASE}",
            "LONEWATCH_DATABASE_PASSWORD_FILE": _secret(f"{service}_password"),
            "LONEWATCH_WRAPPING_KEY_FILE": _secret("wrapping_key"),
            "LONEWATCH_PORT": str(self.ports[service]),
            "LONEWATCH_PUBLIC_URL": url,
            **administrator,
            **self.more,
        }

    def front(self, port: int, *, tls: bool) -> dict[str, str]:
        """Return the settings of a front before the services that were described."""
        asked = {service: [f"http://127.0.0.1:{at}"] for service, at in self.ports.items()}
        files = {"certificate_file": _secret("tls_certificate"), "key_file": _secret("tls_key")} if tls else {}
        return {"LONEWATCH_FRONT": json.dumps({"port": port, "services": asked, **files})}

    def _mounted(self) -> dict[Path, str]:
        return {self.folder / "secrets": f"{SECRETS}:ro"}


@contextmanager
def containers(
    using: Engine, tag: str, folder: Path, server: Server, more: Mapping[str, str] | None = None
) -> Iterator[Containers]:
    """Make secrets in ``folder`` and an image ready to run; end what was started. ``server`` is what it meets."""
    secrets = folder / "secrets"
    make_secrets(secrets)
    (secrets / "admin_password").unlink()
    (secrets / "admin_password").write_text(server.password)
    for path in (*write_certificate(secrets), secrets / "admin_password"):
        path.chmod(0o440)
        shutil.chown(path, group=ACCOUNT if os.geteuid() == 0 else None, user=os.geteuid())
    using.prepare(tag)
    made = Containers(using, folder, server, more or {})
    try:
        yield made
    finally:
        for process in made.started.values():
            process.terminate()
            process.wait(ENDS_WITHIN)
        using.remove()


def _secret(name: str) -> str:
    return f"{SECRETS}/{name}"
