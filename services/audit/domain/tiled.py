"""Which tiles of a tree prove some of its entries, and the proofs that these tiles give. Pure: the tiles are handed in.

Tiles are those of C2SP tlog-tiles, 256 hashes each; proofs are those of RFC 6962, section 2.1.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HASH = 32
"""Bytes of a hash, and of an entry of ours."""

WIDTH = 256
"""Hashes of a whole tile, and entries of a whole bundle of entries."""

ENTRY = 2 + HASH
"""Bytes of an entry in a bundle of entries: its length, and the entry."""


class Tile(NamedTuple):
    """One tile as it is at some size of the tree. Level -1 is a bundle of entries."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Where it stands below the tree's address."""
        return self.whole + (f".p/{self.width}" if self.width < WIDTH else "")

    @property
    def whole(self) -> str:
        """Where it stands once it is whole."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        return f"tile/{'entries' if self.level < 0 else self.level}/{'/'.join(groups)}"

    @property
    def length(self) -> int:
        """Its bytes."""
        return self.width * (ENTRY if self.level < 0 else HASH)


def tiles_for(indexes: Iterable[int], size: int) -> frozenset[Tile]:
    """Return the tiles by which the entries at these indexes are proved in a tree of ``size``: their paths and its right edge."""
    found = set()
    wanted = set(indexes)
    for index in wanted:
        found.add(_tile(-1, index // WIDTH, size))
    level, count = 0, size
    while count:
        for position in (*wanted, size - 1):
            number = position // WIDTH ** (level + 1)
            if number * WIDTH < count:
                found.add(_tile(level, number, count))
        found.add(_tile(level, (count - 1) // WIDTH, count))
        level, count = level + 1, count // WIDTH
    return frozenset(found)


def _tile(level: int, number: int, count: int) -> Tile:
    """Return a tile of a level that has ``count`` hashes."""
    return Tile(level, number, min(WIDTH, count - number * WIDTH))


@dataclass(frozen=True)
class Tiles:
    """Tiles that are known, each by its level and number."""

    known: Mapping[tuple[int, int], bytes]

    def entry(self, index: int) -> bytes:
        """Return an entry. Raises KeyError where its bundle is not known."""
        number, at = divmod(index, WIDTH)
        return self.known[-1, number][at * ENTRY + 2 : (at + 1) * ENTRY]

    def root(self, size: int) -> bytes:
        """Return the root of the tree. Raises KeyError where a tile is not known."""
        return self._node(0, size)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that the entry at ``index`` is in the tree, from its leaf upwards. Raises KeyError as ``root``."""
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.insert(0, self._node(middle, end))
                end = middle
            else:
                path.insert(0, self._node(start, middle))
                start = middle
        return tuple(path)

    def _node(self, start: int, end: int) -> bytes:
        """Return the hash of the subtree over the entries from ``start`` up to ``end``."""
        if start == end:
            return sha256(b"").digest()
        level, first, last = 0, start, end
        while last - first >= WIDTH and first % WIDTH == last % WIDTH == 0:
            level, first, last = level + 1, first // WIDTH, last // WIDTH
        if last - first == 1:
            number, at = divmod(first, WIDTH)
            return self.known[level, number][at * HASH : (at + 1) * HASH]
        middle = start + _split(end - start)
        return sha256(b"\x01" + self._node(start, middle) + self._node(middle, end)).digest()


def _split(size: int) -> int:
    """Return the largest power of two that is less than ``size``."""
    return 1 << (size - 1).bit_length() - 1
