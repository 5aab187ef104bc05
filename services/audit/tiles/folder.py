"""Read a published tree from its folder, as any web server could hand it out. Writes nothing, and verifies no signature."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from services.audit.domain.tree.checkpoint import Checkpoint, parse
from services.audit.domain.tree.hashing import consistency, inclusion, root, root_of
from services.audit.domain.tree.tiles import WIDTH, hashes_in, tile_path, unbundle, width_of

if TYPE_CHECKING:
    from pathlib import Path

    from services.audit.domain.tree.tiles import Level


class NoTreeError(LookupError):
    """There is no tree in the folder, or not the part of it that is asked for."""


class Folder:
    """A tree that is published in a folder: ``checkpoint``, ``key`` and ``tile/…``."""

    def __init__(self, path: Path) -> None:
        """Read below ``path``."""
        self.path = path

    def read(self, path: str) -> bytes:
        """Return a file of the tree. Raises NoTreeError."""
        try:
            return (self.path / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NoTreeError(f"{path} is not there") from None

    def checkpoint(self) -> Checkpoint:
        """Return what the checkpoint says. Raises NoTreeError, and ValueError where it is none."""
        text, _, _ = self.read("checkpoint").decode("utf-8", "replace").rpartition("\n\n")
        return parse(f"{text}\n")

    def entry(self, index: int) -> bytes:
        """Return an entry. Raises NoTreeError."""
        size = self.checkpoint().size
        if not 0 <= index < size:
            raise NoTreeError(f"the tree has {size} leaves, and no leaf {index}")
        return self.entries(index // WIDTH, size)[index % WIDTH]

    def entries(self, number: int, size: int) -> tuple[bytes, ...]:
        """Return the entries of a bundle in a tree of ``size``. Raises NoTreeError, and ValueError where it is damaged."""
        width = width_of("entries", number, size)
        found = unbundle(self._wide("entries", number, width))
        if len(found) < width:
            raise ValueError(f"bundle {number} lacks entries")
        return found[:width]

    def hashes(self, level: int, number: int, size: int) -> tuple[bytes, ...]:
        """Return the hashes of a tile in a tree of ``size``. Raises NoTreeError, and ValueError where it is damaged."""
        width = width_of(level, number, size)
        found = hashes_in(self._wide(level, number, width))
        if len(found) < width:
            raise ValueError(f"tile {number} of level {level} lacks hashes")
        return found[:width]

    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` leaves, by the tiles. Raises as ``proof``."""
        return root(size, _Hashes(self, self._at_least(size)).at)

    def proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that an entry is in the tree of ``size``. Raises NoTreeError, and ValueError for no such leaf."""
        return inclusion(index, size, _Hashes(self, self._at_least(size)).at)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of ``old`` is the beginning of that of ``new``. Raises as ``proof``."""
        return consistency(old, new, _Hashes(self, self._at_least(new)).at)

    def _at_least(self, size: int) -> int:
        """Return the size that is published: the hashes of complete subtrees are the same in each that holds them."""
        published = self.checkpoint().size
        if size > published:
            raise NoTreeError(f"the tree has {published} leaves, not {size}")
        return published

    def _wide(self, level: Level, number: int, width: int) -> bytes:
        """Return a tile of this width, or the full one: it takes the partial one's place as soon as it is there."""
        if width < 1:
            raise NoTreeError(f"there is no tile {number} of level {level}")
        try:
            return self.read(tile_path(level, number, width))
        except NoTreeError:
            return self.read(tile_path(level, number))


class _Hashes:
    """The hashes of complete subtrees, each tile read once."""

    def __init__(self, folder: Folder, size: int) -> None:
        self._tile = lru_cache(maxsize=None)(lambda level, number: folder.hashes(level, number, size))

    def at(self, level: int, number: int) -> bytes:
        """Return the hash of a complete subtree."""
        tile_level, below = divmod(level, 8)
        first, count = number << below, 1 << below
        row = self._tile(tile_level, first // WIDTH)
        return root_of(row[first % WIDTH : first % WIDTH + count])
