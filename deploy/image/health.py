"""The image's health check: asks the service or the front of this container, and ends with 0 when it is well.

A service is well when it is ready: its loops turn and it can read the log. The engine restarts nobody for being unwell, so
a database that is away shows on every service, as it should. The front is asked for itself alone. Needs no library.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHIN = 3.0
"""Seconds for the answer; the engine gives the check five."""

LOWEST_ERROR = 400


def question(environment: Mapping[str, str]) -> tuple[http.client.HTTPConnection, str]:
    """Return whom to ask, and for which path."""
    if "LONEWATCH_FRONT" not in environment:
        return http.client.HTTPConnection("127.0.0.1", int(environment["LONEWATCH_PORT"]), timeout=WITHIN), "/readyz"
    front = json.loads(environment["LONEWATCH_FRONT"])
    if not front.get("certificate_file"):
        return http.client.HTTPConnection("127.0.0.1", front["port"], timeout=WITHIN), "/"
    itself = ssl._create_unverified_context()  # noqa: S323, SLF001 -- asks the loopback of its own container
    return http.client.HTTPSConnection("127.0.0.1", front["port"], timeout=WITHIN, context=itself), "/"


def main() -> None:
    """Ask, and say what was answered."""
    try:
        connection, path = question(os.environ)
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read(2000).decode(errors="replace")
    except (OSError, KeyError, ValueError, http.client.HTTPException) as error:
        sys.exit(f"does not answer: {error!r}")
    print(answer.status, said)  # noqa: T201 -- the engine keeps it beside the state
    sys.exit(answer.status >= LOWEST_ERROR)


if __name__ == "__main__":
    main()
