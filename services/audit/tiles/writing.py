"""Write a tree out of entries that are at hand, by the store that the sequencer uses. Reads no log."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from services.audit.domain.tree.growing import grow
from services.audit.tiles.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from services.audit.domain.tree.checkpoint import Checkpoint

PAGE = 65_536
"""Entries of one checkpoint at most: some megabytes of hashes."""


def write_tree(path: Path, entries: Iterable[bytes], name: str, seed: bytes) -> Checkpoint:
    """Write a tree of origin ``name`` below ``path``, or let the one that is there grow; it is published in ``path/public``."""
    store = Store(path, seed)
    held = store.open() or store.begin(None, name)
    rest = iter(entries)
    while page := list(islice(rest, PAGE)):
        grown = grow(held.edge, page)
        held = store.grow(held, grown.edge, {**grown.full, **grown.edge.partial()})
    return held.checkpoint
