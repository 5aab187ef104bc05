"""What audit does for whoever reads the tree: authorise, and hand out files and proofs. The tree names nobody: no disclosure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from services.audit.domain.tree.hashing import leaf_hash
from services.audit.domain.tree.proofs import proof_text
from services.audit.tiles.folder import Folder, NoTreeError
from shared.decider import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.runtime.identity import Authority, Identity

Read = TypeVar("Read")


@dataclass(frozen=True)
class Trees:
    """The published tree of this installation; none where the settings name no folder."""

    authority: Authority
    folder: Folder | None
    public: bool

    async def authorise(self, reader: Identity) -> None:
        """See that somebody may read the tree. Raises Forbidden."""
        await self.authority.authorise(reader, "read_tree", None)

    async def file(self, path: str) -> bytes:
        """Return one of its files. Raises Rejected (``tree_unknown``, ``tree_part_unknown``)."""
        return await self._read(lambda folder: folder.read(path))

    async def proof(self, position: int, size: int | None) -> Mapping[str, Any]:
        """Return the proof that a record is in the tree, of the checkpoint's size or of a smaller one. Raises as ``file``."""

        def made(folder: Folder) -> Mapping[str, Any]:
            checkpoint, index = folder.checkpoint(), position - 1
            of = checkpoint.size if size is None else size
            entry, hashes = folder.entry(index), folder.proof(index, of)
            return {
                "position": position,
                "index": index,
                "size": of,
                "entry": entry.hex(),
                "leaf_hash": leaf_hash(entry).hex(),
                "hashes": [one.hex() for one in hashes],
                "root": folder.root(of).hex(),
                "checkpoint": folder.read("checkpoint").decode(),
            }

        return await self._read(made)

    async def proof_text(self, position: int) -> bytes:
        """Return the proof that a record is under the checkpoint, as one text with that. Raises as ``file``."""

        def made(folder: Folder) -> bytes:
            note = folder.read("checkpoint")
            size = int(note.split(b"\n")[1])
            return proof_text(position - 1, folder.proof(position - 1, size), note)

        return await self._read(made)

    async def consistency(self, old: int, new: int) -> Mapping[str, Any]:
        """Return the proof that the tree of ``old`` is the beginning of that of ``new``. Raises as ``file``."""

        def made(folder: Folder) -> Mapping[str, Any]:
            hashes = folder.consistency(old, new)
            roots = {"old_root": folder.root(old).hex(), "new_root": folder.root(new).hex()}
            return {"from": old, "to": new, **roots, "hashes": [one.hex() for one in hashes]}

        return await self._read(made)

    async def _read(self, read: Callable[[Folder], Read]) -> Read:
        """Read beside the service's other work."""
        if self.folder is None:
            raise Rejected("tree_unknown")
        try:
            return await asyncio.to_thread(read, self.folder)
        except (NoTreeError, ValueError):
            raise Rejected("tree_part_unknown") from None
