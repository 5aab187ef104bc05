"""The image's entry point: ``checkin``, ``escalation``, ``notifier``, ``audit``, ``front``, ``migrate`` or ``lonewatch …``.

Replaces itself with the program that is named, so that a signal reaches that program and nothing stands between.
"""

from __future__ import annotations

import os
import sys

PROGRAMS = {
    "checkin": "services.checkin",
    "escalation": "services.escalation",
    "notifier": "services.notifier",
    "audit": "services.audit",
    "front": "deploy.front",
    "migrate": "deploy.migrate",
    "health": "deploy.image.health",
}
"""What runs under which word."""

COMMAND = "lonewatch"
"""The word for the command; what follows is handed to it."""


def command_line(words: list[str]) -> list[str]:
    """Return what to run for the words that a container is given. Raises ValueError for any that name nothing."""
    name, *rest = words or ["nothing"]
    if name == COMMAND:
        return [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'lonewatch'; from deploy.cli import main; main()",
            *rest,
        ]
    if name not in PROGRAMS:
        raise ValueError(f"There is no {name!r} in this image. Give one of: {', '.join((*PROGRAMS, COMMAND))}.")
    return [sys.executable, "-m", PROGRAMS[name], *rest]


def main() -> None:
    """Become what was asked for."""
    try:
        line = command_line(sys.argv[1:])
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(os.EX_USAGE)
    os.execv(line[0], line)  # noqa: S606 -- this process, and no shell


if __name__ == "__main__":
    main()
