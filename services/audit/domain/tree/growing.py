"""Grow a tree by its right edge: the entries that come give the tiles that they fill, what is left open, and the root.

The same for one entry and for a million, page by page; memory holds one tile of each level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.audit.domain.tree.hashing import EMPTY, leaf_hash, node_hash, root_of
from services.audit.domain.tree.tiles import WIDTH, bundle, tile_path


@dataclass(frozen=True)
class Edge:
    """The tiles of a tree that are not full: of each level from the leaves up, and the entries beneath."""

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    entries: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Return the root of the tree."""
        found: bytes | None = None
        for row in self.levels:
            rest = list(row)
            while rest:  # the smallest complete subtree stands furthest right, and is the first to be joined
                width = len(rest) & -len(rest)
                whole = root_of(rest[-width:])
                found = whole if found is None else node_hash(whole, found)
                del rest[-width:]
        return EMPTY if found is None else found

    def partial(self) -> dict[str, bytes]:
        """Return what the open tiles hold, by their paths."""
        files = {}
        if self.entries:
            files[tile_path("entries", self.size // WIDTH, len(self.entries))] = bundle(self.entries)
        for level, row in enumerate(self.levels):
            if row:
                files[tile_path(level, self.size >> 8 * (level + 1), len(row))] = b"".join(row)
        return files


@dataclass(frozen=True)
class Grown:
    """A tree after some entries: its new edge, and the tiles that were filled."""

    edge: Edge
    full: dict[str, bytes]


def grow(edge: Edge, entries: Iterable[bytes]) -> Grown:
    """Return the tree after these entries."""
    size, open_entries, rows = edge.size, list(edge.entries), [list(row) for row in edge.levels]
    full: dict[str, bytes] = {}
    for entry in entries:
        open_entries.append(entry)
        if len(open_entries) == WIDTH:
            full[tile_path("entries", size // WIDTH)] = bundle(open_entries)
            open_entries = []
        size += 1
        rising, level = leaf_hash(entry), 0
        while True:
            if level == len(rows):
                rows.append([])
            rows[level].append(rising)
            if len(rows[level]) < WIDTH:
                break
            full[tile_path(level, (size >> 8 * (level + 1)) - 1)] = b"".join(rows[level])
            rising, rows[level], level = root_of(rows[level]), [], level + 1
    return Grown(Edge(size, tuple(map(tuple, rows)), tuple(open_entries)), full)
