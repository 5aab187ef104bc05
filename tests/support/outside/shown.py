"""What a verifier is shown: a folder as it is published, and what somebody knows of it from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

WIDTH = 256
"""Entries of a full tile or bundle, as C2SP's tlog-tiles has it."""


@dataclass(frozen=True)
class Receipt:
    """What somebody kept of one record, and the proof that the log gives for it, if it was asked for one."""

    index: int
    entry: bytes
    proof: Sequence[bytes] | None = None


@dataclass(frozen=True)
class Shown:
    """A published folder, the key that is trusted, the checkpoint seen last time, and receipts."""

    folder: Path
    key: str
    remembered: bytes = b""
    receipts: Sequence[Receipt] = field(default=())
    consistency: Sequence[bytes] | None = None
    """The proof that the log gives for its growth since what is remembered, if it was asked for one."""


Verifier: TypeAlias = Callable[[Sequence[Shown]], list[str]]
"""Says for each that it is shown what is wrong with it: an empty text where nothing is."""


class WrongError(Exception):
    """What was shown is not as it should be."""


def bundle(folder: Path, number: int, width: int) -> Sequence[bytes]:
    """Return the entries of one bundle of two bytes of length and so many of content each. Raises WrongError."""
    data = tile(folder, "entries", number, width)
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) != width or at != len(data):
        raise WrongError(f"bundle {number} does not hold {width} entries")
    return entries


def tile(folder: Path, level: str, number: int, width: int) -> bytes:
    """Return the bytes of one tile; ``width`` is what it holds, 256 for a full one. Raises WrongError where it is missing."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03d}")
    path = folder.joinpath("tile", level, *parts)
    if width < WIDTH:
        path = path.with_name(path.name + ".p") / str(width)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WrongError(f"{path.relative_to(folder)} is missing") from None


def tiles_of(entries: int) -> Sequence[tuple[int, int]]:
    """Return the number and the width of each tile of a level that holds so many hashes."""
    full, rest = divmod(entries, WIDTH)
    return [*((number, WIDTH) for number in range(full)), *([(full, rest)] if rest else [])]
