"""Print a lock without some of its entries: ``python without.py LOCK NAME…``. A part of the build; needs no library."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def without(lock: str, names: list[str]) -> str:
    """Return a lock without the entries of ``names``, hashes included. Raises ValueError for a name that it does not have."""
    entries = re.split(r"\n(?=\S)", lock)
    left = [entry for entry in entries if entry.partition("==")[0] not in names]
    if len(entries) - len(left) != len(names):
        raise ValueError(f"not all of {', '.join(names)} stand in the lock")
    return "\n".join(left)


if __name__ == "__main__":
    sys.stdout.write(without(Path(sys.argv[1]).read_text("utf-8"), sys.argv[2:]))
