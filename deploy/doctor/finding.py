"""What the doctor says: a code for programs, one sentence for people, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. An error keeps Lonewatch from its promises; a warning may, on a bad day."""

    code: str
    level: Level
    sentence: str
    remedy: str = ""

    def shown(self) -> dict[str, str]:
        """Return it as ``--json`` prints it."""
        return asdict(self)


def ok(code: str, sentence: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(code, "ok", sentence)


def warning(code: str, sentence: str, remedy: str) -> Finding:
    """Return what may do harm on a bad day."""
    return Finding(code, "warning", sentence, remedy)


def error(code: str, sentence: str, remedy: str) -> Finding:
    """Return what has to be put right."""
    return Finding(code, "error", sentence, remedy)
