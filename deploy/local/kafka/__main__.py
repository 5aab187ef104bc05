"""Fetch Apache Kafka's jars: ``make kafka``, and the set-up of ``make demo``, ``make up`` and ``make test``."""

from __future__ import annotations

import os
import sys

from deploy.local.kafka.carrier import BOOTSTRAP, SWITCH
from deploy.local.kafka.jars import VERSION, KafkaError, can_fetch, fetch, java, libs

IF_POSSIBLE = "--if-possible"
"""Where Java and Maven are and no other broker is asked for; what fails is said, and no reason to stop."""


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201 -- a command's own words


def _wanted() -> bool:
    """Whether anybody would use the jars, and whether they could be had."""
    if libs().is_dir() or os.environ.get(SWITCH) == "off" or os.environ.get(BOOTSTRAP) or not can_fetch():
        return False
    try:
        java()
    except KafkaError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Fetch them; return the exit code."""
    tolerant = IF_POSSIBLE in arguments
    if tolerant and not _wanted():
        return 0
    try:
        found = fetch(_say)
    except KafkaError as error:
        _say(f"{error}. Lonewatch follows its log without it" if tolerant else f"error: {error}.")
        return 0 if tolerant else 1
    if not tolerant:
        _say(f"Apache Kafka {VERSION} is in {found.libs}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
