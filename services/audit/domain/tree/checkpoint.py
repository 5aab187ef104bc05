"""The text of a checkpoint, as C2SP's tlog-checkpoint has it: origin, size and root. Signs and verifies nothing."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

_TEXT = re.compile(r"([^\n]{1,500})\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/]{43}=)\n")
"""Three lines; extension lines are none of ours."""


@dataclass(frozen=True)
class Checkpoint:
    """The head of a tree: whose it is, how many leaves it has, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def incarnation(self) -> str:
        """The incarnation of the log that the tree is of: the last part of the origin."""
        return self.origin.rpartition("/")[2]

    def text(self) -> str:
        """Return what is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """Read the text of a checkpoint. Raises ValueError for any other."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("it is not an origin, a size and a root")
    return Checkpoint(match[1], int(match[2]), b64decode(match[3], validate=True))


def origin_of(name: str, incarnation: str) -> str:
    """Return the origin of the tree of one incarnation of a log."""
    return f"{name}/{incarnation}"
