"""What is handed out of a tree: tiles are moved in, then the checkpoint that needs them. Signs nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from services.audit.domain.tree.growing import Edge
from services.audit.domain.tree.tiles import WIDTH
from services.audit.tiles import crash
from services.audit.tiles.files import replace, sync_folders
from services.audit.tiles.folder import Folder, NoTreeError
from services.audit.tiles.refusing import DamagedError

if TYPE_CHECKING:
    from pathlib import Path

    from services.audit.domain.tree.checkpoint import Checkpoint

PUBLIC = "public"
"""The folder below a tree's own that is handed out, by us or by any web server."""


class Public:
    """The public folder of a tree."""

    def __init__(self, path: Path, at: crash.At) -> None:
        """Publish in ``path``, which any web server may hand out."""
        self.path, self._at, self.folder = path, at, Folder(path)

    def move_in(self, staged: Path) -> None:
        """Move staged files in, and return when they are on the disk under their names; drop the partial tiles that are full now."""
        files = sorted(path for path in staged.rglob("*") if path.is_file())
        moved = []
        for path in files:
            place = self.path / path.relative_to(staged)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            moved.append(place)
            if len(moved) == 1:
                self._at(crash.PUBLISHED_PART)
        self.path.mkdir(exist_ok=True)
        sync_folders(self.path, moved)
        self._at(crash.PUBLISHED)
        for place in moved:  # whoever reads a partial tile finds the full one instead
            if ".p" not in place.parent.suffix:
                shutil.rmtree(place.with_name(f"{place.name}.p"), ignore_errors=True)

    def point_to(self, note: bytes) -> None:
        """Publish the checkpoint whose tiles are there."""
        if not self.has("checkpoint", note):
            # A crash here leaves tiles that no published checkpoint needs yet; it is published at the next start.
            replace(self.path / "checkpoint", note, lambda: self._at(crash.BEFORE_CHECKPOINT))
        self._at(crash.CHECKPOINT_PUBLISHED)

    def edge(self, checkpoint: Checkpoint, key: bytes) -> Edge:
        """Read the edge of the tree, and see that it has the root that was signed. Raises DamagedError."""
        size, levels, level = checkpoint.size, [], 0
        try:
            while size >> 8 * level:
                number, width = divmod(size >> 8 * level, WIDTH)
                levels.append(self.folder.hashes(level, number, size) if width else ())
                level += 1
            entries = self.folder.entries(size // WIDTH, size) if size % WIDTH else ()
        except (NoTreeError, ValueError):
            raise DamagedError(checkpoint) from None
        edge = Edge(size, tuple(levels), entries)
        if edge.root() != checkpoint.root or not self.has("key", key):
            raise DamagedError(checkpoint)
        return edge

    def has(self, name: str, content: bytes) -> bool:
        """Say whether a file is there with this content."""
        with suppress(NoTreeError):
            return self.folder.read(name) == content
        return False
