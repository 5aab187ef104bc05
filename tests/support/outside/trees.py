"""A log of made-up records at each size that matters, as it is published, and other trees by whoever has its key."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from services.audit.tiles.folder import Folder
from services.audit.tiles.writing import write_tree
from tests.support.outside.shown import Receipt, Shown

SIZES = (0, 1, 2, 255, 256, 257, 65_536, 70_000)
"""None, one, two, around the end of a tile, a whole tile of tiles, and one more tile level in part."""

NAME = "lonewatch/0b6e7a52-6a3c-4c39-9f3f-5a1f8f6f2d11"
SEED = sha256(b"the key of a log of tests").digest()
OTHER_SEED = sha256(b"the key of somebody else").digest()


def entry(number: int, story: str = "as it was") -> bytes:
    """Return the entry of a made-up record: its SHA-256."""
    return sha256(f'{{"position":{number + 1},"story":"{story}"}}'.encode()).digest()


@dataclass(frozen=True)
class World:
    """Trees below one folder, each written once."""

    below: Path

    @cached_property
    def entries(self) -> Sequence[bytes]:
        """All entries of the honest log."""
        return [entry(number) for number in range(SIZES[-1])]

    @cached_property
    def honest(self) -> dict[int, Path]:
        """The folder that was published at each size, all of one growth."""
        return {size: self.written(f"honest-{size}", self.entries[:size]) for size in SIZES}

    @cached_property
    def key(self) -> str:
        """The key as everybody knows it."""
        return (self.honest[0] / "key").read_text("ascii").strip()

    def checkpoint(self, size: int) -> bytes:
        """Return the checkpoint that the honest log had at a size."""
        return (self.honest[size] / "checkpoint").read_bytes()

    def written(self, name: str, entries: Iterable[bytes], seed: bytes = SEED) -> Path:
        """Return the folder of a tree over these entries, written once."""
        folder = self.below / name
        if not folder.exists():
            write(folder, entries, seed)
        return folder

    def shown(self, size: int) -> Shown:
        """Return what an auditor is shown of the honest log who was there before, with receipts of then and of now."""
        before = earlier(size)
        indexes = sorted({0, before - 1, before, size // 2, size - 1} & set(range(size)))
        tree = Folder(self.honest[size])
        receipts = [Receipt(index, self.entries[index], tree.proof(index, size)) for index in indexes]
        grown = tree.consistency(before, size)
        return Shown(self.honest[size], self.key, self.checkpoint(before), receipts, grown)


def earlier(size: int) -> int:
    """Return the size at which an auditor came before; the same where there was none but the empty one."""
    before = SIZES[max(0, SIZES.index(size) - 1)]
    return before or size


def write(folder: Path, entries: Iterable[bytes], seed: bytes) -> None:
    """Write a tree as audit does, and keep what is published of it."""
    kept = folder.with_name(f"{folder.name}-kept")
    write_tree(kept, entries, NAME, seed)
    (kept / "public").rename(folder)
    shutil.rmtree(kept)
