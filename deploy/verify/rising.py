"""Make a tree out of its leaves as they come: every tile that they fill, and the root. Holds one tile of each level."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from services.audit.domain.tree.hashing import node_hash, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Tile = tuple[int, int, Sequence[bytes]]

WIDTH = 256
"""Hashes of a full tile, as C2SP's tlog-tiles has it."""


class Rising:
    """A tree that grows by one leaf hash at a time."""

    def __init__(self, on_tile: Callable[[int, int, Sequence[bytes]], None]) -> None:
        """Call ``on_tile`` with level, number and hashes of each tile."""
        self._on_tile = on_tile
        self._open: defaultdict[int, list[bytes]] = defaultdict(list)
        self._numbers: defaultdict[int, int] = defaultdict(int)

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        level, hash_ = 0, leaf
        while True:
            tile = self._open[level]
            tile.append(hash_)
            if len(tile) < WIDTH:
                return
            self._on_tile(level, self._numbers[level], tile)
            self._numbers[level] += 1
            self._open[level] = []
            level, hash_ = level + 1, root_of(tile)

    def end(self) -> bytes:
        """Hand over the tiles that are not full, and return the root."""
        for level, tile in sorted(self._open.items()):
            if tile:
                self._on_tile(level, self._numbers[level], tile)
        root: bytes | None = None
        for _, tile in sorted(self._open.items()):
            rest: list[bytes] = list(tile)
            while rest:  # the smallest whole subtree stands furthest right, and is the first to be joined
                width = len(rest) & -len(rest)
                whole = root_of(rest[-width:])
                root = whole if root is None else node_hash(whole, root)
                del rest[-width:]
        return root_of([]) if root is None else root
