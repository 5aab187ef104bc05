"""Where tiles stand and what they hold, as C2SP's tlog-tiles has it. Reads and writes no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

WIDTH = 256
"""Hashes of a full tile, and entries of a full bundle."""

HASH = 32
"""Bytes of a hash, and of each of our entries, which are the SHA-256 of a record."""

LENGTH = 2
"""Bytes before each entry of a bundle that say how long it is."""

Level: TypeAlias = int | Literal["entries"]
"""Of a tile: a number from 0, or ``entries`` for the bundles beneath."""

ADDRESS = re.compile(r"tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/(?:x[0-9]{3}/){0,5}[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?")
"""What can be the path of a tile or a bundle, and nothing else: no other name of a folder is ever handed out."""


def tile_path(level: Level, number: int, width: int = WIDTH) -> str:
    """Return where a tile stands, as ``tile/0/x001/234.p/112``."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{place}" + (f".p/{width}" if width < WIDTH else "")


def partial_folder(level: Level, number: int) -> str:
    """Return the folder of a tile's partial forms."""
    return f"{tile_path(level, number)}.p"


def width_of(level: Level, number: int, size: int) -> int:
    """Return how wide a tile is in a tree of ``size``; 0 where it has none."""
    held = size if level == "entries" else size >> 8 * level
    return max(0, min(WIDTH, held - number * WIDTH))


def edge(size: int) -> Iterator[tuple[Level, int, int]]:
    """Yield level, number and width of the last tile of each level, from the entries up: what a tree's root follows from."""
    if size:
        yield "entries", (size - 1) // WIDTH, width_of("entries", (size - 1) // WIDTH, size)
    level = 0
    while count := size >> 8 * level:
        number = (count - 1) // WIDTH
        yield level, number, width_of(level, number, size)
        level += 1


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle holds them, each after its length. Raises OverflowError for one beyond 65,535 bytes."""
    return b"".join(len(entry).to_bytes(LENGTH, "big") + entry for entry in entries)


def unbundle(content: bytes) -> tuple[bytes, ...]:
    """Return the entries of a bundle. Raises ValueError where it does not end with an entry."""
    entries, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + LENGTH], "big")
        entry = content[at + LENGTH : at + LENGTH + length]
        if len(content) - at < LENGTH or len(entry) < length:
            raise ValueError("the bundle ends within an entry")
        entries.append(entry)
        at += LENGTH + length
    return tuple(entries)


def hashes_in(content: bytes) -> tuple[bytes, ...]:
    """Return the hashes of a tile. Raises ValueError where it does not end with one."""
    if len(content) % HASH:
        raise ValueError("the tile ends within a hash")
    return tuple(content[at : at + HASH] for at in range(0, len(content), HASH))
