"""What a verification found: everything that is not as it should be, with the position in the log that it speaks of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MOST = 1000
"""What is listed at most: a log that is another one altogether differs at every position, and nobody reads on after these."""


class UnverifiableError(Exception):
    """What was given is not something that can be verified. The message says why, and what would be."""


@dataclass(frozen=True)
class Broken:
    """One thing that is not as it should be: a code for programs, a sentence for people, and where."""

    code: str
    sentence: str
    position: int | None = None
    visit_id: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return asdict(self)


@dataclass
class Found:
    """Gathers what is found, and counts what was looked at."""

    what: str
    """What is verified: an installation, a tree or a bundle."""
    broken: list[Broken] = field(default_factory=list)
    left_out: int = 0
    """How many more there are than are listed."""
    checked: dict[str, int | str] = field(default_factory=dict)
    """How many of each thing were looked at, and what they belong to."""

    def add(self, code: str, sentence: str, position: int | None = None, visit_id: str | None = None) -> None:
        """Gather one thing, unless there are more than anybody reads."""
        if len(self.broken) < MOST:
            self.broken.append(Broken(code, sentence, position, visit_id))
        else:
            self.left_out += 1

    @property
    def well(self) -> bool:
        """Whether everything is as it should be."""
        return not self.broken

    def shown(self) -> dict[str, Any]:
        """Return all of it as ``--json`` prints it."""
        return {
            "ok": self.well,
            "what": self.what,
            "checked": self.checked,
            "broken": [one.shown() for one in self.broken],
            "left_out": self.left_out,
        }
