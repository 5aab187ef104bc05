"""What keeps a tree from growing, each by its name: a contradiction, damage, or somebody who was first. Does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.audit.domain.tree.checkpoint import Checkpoint


class RefusedError(Exception):
    """Nothing is signed: what was found contradicts what was signed before. Says what was expected and found, and where."""

    def __init__(self, place: str, expected: str, found: str) -> None:
        super().__init__(f"{place}: expected {expected}, found {found}")
        self.place, self.expected, self.found = place, expected, found


class DamagedError(Exception):
    """What is published is not what was committed; it can be made again from the log."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"the tree of {checkpoint.size} is not all there")
        self.checkpoint = checkpoint


class MovedError(Exception):
    """Another process was first to commit."""
