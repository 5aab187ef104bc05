"""Try an image: everything in it starts as its account, says what it lacks, and becomes ready beside a PostgreSQL.

PostgreSQL is the wheel's, on this machine; it and all that is written goes when the trial ends.
"""

from __future__ import annotations

import http.client
import os
import ssl
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.database import SERVICES
from deploy.image.__main__ import PROGRAMS
from deploy.image.containers import Containers, containers
from deploy.local import postgres
from deploy.local.installation import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.image.engine import Engine

READY_WITHIN = 60.0
"""Seconds for a program of the image to become ready, as for one outside it."""

_LOOK_EVERY = 0.3

REFUSED_TO_ITS_ACCOUNT = (
    "touch /etc/x || touch /opt/lonewatch/x || touch /usr/local/bin/x || command -v cc || command -v gcc"
)
"""What must fail in the image: writing anywhere that programs come from; a compiler to make some."""


class TrialError(RuntimeError):
    """The image does not do what it is for; the message says what, with the lines of whoever failed."""


def trial(using: Engine, tag: str, say: Callable[[str], None]) -> None:
    """Try an image. Raises TrialError."""
    with folder() as at, _server(at) as server, containers(using, tag, at, server) as made:
        _lacks(made)
        say(f"{', '.join(_programs())} start as account {_account(made)} and say what they lack")
        _migrates(made)
        say("migrate has made the roles and databases, and finds nothing to do the second time")
        port = _starts(made)
        say(
            f"{', '.join(SERVICES)} are ready, and so they say to the health check; the front answers over TLS on {port}"
        )
        codes = made.end()
        del codes["front"]  # uvicorn hands the signal on when it has finished, so the front ends by it
        _demand(not any(codes.values()), f"not all ended in order: {codes}")
        say("all have ended in order")


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder that PostgreSQL's account may enter even when root tries."""
    with tempfile.TemporaryDirectory(prefix="lonewatch-image-", dir="/var/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@contextmanager
def _server(at: Path) -> Iterator[postgres.Server]:
    server = postgres.start(at / "postgres")
    try:
        yield server
    finally:
        postgres.stop(server, mode="immediate")


def _programs() -> list[str]:
    return [name for name in PROGRAMS if name != "health"]


def _lacks(made: Containers) -> None:
    """Start everything without settings: each must name what is missing, and end with EX_CONFIG."""
    for name in _programs():
        done = made.run(name)
        _demand(
            done.returncode == os.EX_CONFIG and "LONEWATCH_" in done.stdout + done.stderr,
            f"{name} without settings ended with {done.returncode}: {done.stdout}{done.stderr}",
        )


def _account(made: Containers) -> str:
    """Return whom the image runs as, who must not be root nor able to change it."""
    account = made.run("id", "-u", entry=False).stdout.strip()
    _demand(account not in {"", "0"}, f"the image runs as account {account or 'unknown'}")
    wrote = made.run("sh", "-c", REFUSED_TO_ITS_ACCOUNT, entry=False)
    _demand(wrote.returncode != 0, f"the image's account may change the image: {wrote.stdout}{wrote.stderr}")
    return account


def _migrates(made: Containers) -> None:
    for expected in ("Applied log/", "The database is up to date."):
        done = made.run("migrate", environment=made.migration())
        _demand(done.returncode == 0 and expected in done.stdout, f"migrate said: {done.stdout}{done.stderr}")


def _starts(made: Containers) -> int:
    """Start the services and a front with TLS, wait until they are ready and healthy, and return the front's port."""
    port = free_port()
    environments = {service: made.service(service, f"https://127.0.0.1:{port}") for service in SERVICES}
    environments["front"] = made.front(port, tls=True)
    for name, environment in environments.items():
        made.start(name, environment)
    for name, environment in environments.items():
        becomes_well(made, name, environment)
    trusted = ssl.create_default_context(cafile=str(made.folder / "secrets" / "tls_certificate"))
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusted)) as connection:
        connection.request("GET", "/checkin/healthz")
        answer = connection.getresponse()
        answer.read()
    _demand(answer.status == http.client.OK, f"the front answered {answer.status}", made.lines("front"))
    return port


def becomes_well(made: Containers, name: str, environment: dict[str, str]) -> None:
    """Wait until the image's own health check says that a program is well."""
    until = time.monotonic() + READY_WITHIN
    while (check := made.run("health", environment=environment)).returncode != 0:
        ended = made.started[name].poll()
        _demand(ended is None, f"{name} has ended with {ended}", made.lines(name))
        _demand(time.monotonic() < until, f"{name} is not well: {check.stdout}{check.stderr}", made.lines(name))
        time.sleep(_LOOK_EVERY)


def _demand(holds: bool, otherwise: str, lines: Path | None = None) -> None:  # noqa: FBT001 -- reads as an assertion
    if holds:
        return
    said = ""
    with suppress(OSError):
        said = "\n" + lines.read_text(errors="replace")[-3000:] if lines else ""
    raise TrialError(otherwise + said)
