"""Verify what a bundle proves of each record: that it stands in the tree, at its place, under the root that was signed."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.verify.bundle_files import MOST_BYTES, parsed
from deploy.verify.rising import WIDTH
from deploy.verify.tree import ENTRY
from services.audit.domain.tree.hashing import leaf_hash, root_of, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.verify.found import Found
    from deploy.verify.sources import InZip
    from deploy.verify.tree import Tree

PROOF = "c2sp.org/tlog-proof@v1"
"""The first line of a proof, as C2SP's tlog-proof has it."""

MOST_HASHES = 64
"""Hashes of one proof: a tree with more levels has more leaves than there is room for."""

_TILE = re.compile(r"tree/tile/(\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?")


@dataclass(frozen=True)
class Proven:
    """What proofs are held against."""

    tree: Tree
    files: InZip
    found: Found


def verify_proofs(index: int, record: bytes, proven: Proven) -> None:
    """Verify both forms of a record's proof, and the entry at its place."""
    position, tree, found = index + 1, proven.tree, proven.found
    entry = sha256(record).digest()
    text = proven.files.read(f"proofs/{index}.tlog-proof", MOST_BYTES)
    said = parsed(proven.files.read(f"proofs/{index}.json", MOST_BYTES))
    hashes = _hashes(text, index, proven.files.read("tree/checkpoint", MOST_BYTES) or b"")
    if index >= tree.size or hashes is None or not _included(index, entry, hashes, tree):
        found.add("proof_differs", f"The record at position {position} is not proved to be in the tree.", position)
    elif said != {
        "index": index,
        "size": tree.size,
        "entry": entry.hex(),
        "leaf_hash": leaf_hash(entry).hex(),
        "hashes": [one.hex() for one in hashes],
        "root": tree.checkpoint.root.hex(),
    }:
        found.add("proof_differs", f"The two proofs of position {position} do not say the same.", position)
    if index < tree.size and tree.entry(index) != entry:
        found.add("entry_differs", f"The entry of position {position} in the tree is not that of its record.", position)


def _hashes(proof: bytes | None, index: int, checkpoint: bytes) -> Sequence[bytes] | None:
    """Return the hashes of a proof; None where it is none, of another place or of another checkpoint."""
    head, parted, rest = (proof or b"").partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if not parted or rest != checkpoint or lines[:2] != [PROOF, f"index {index}"] or len(lines) > MOST_HASHES + 2:
        return None
    try:
        hashes = [b64decode(line, validate=True) for line in lines[2:]]
    except (Base64Error, ValueError):
        return None
    return hashes if all(len(one) == ENTRY for one in hashes) else None


def _included(index: int, entry: bytes, hashes: Sequence[bytes], tree: Tree) -> bool:
    return bool(verify_inclusion(leaf_hash(entry), index, tree.size, hashes, tree.checkpoint.root))


def verify_tiles(files: InZip, proven: Proven) -> None:
    """See that each tile of hashes is what stands for it in the tile above, as far as that is in the bundle."""
    for name in sorted(files.names):
        match = _TILE.fullmatch(name)
        if match is None:
            continue
        level, number = int(match[1]), int(match[2].replace("x", "").replace("/", ""))
        hashes = proven.tree.hashes(level, number)
        if hashes is None or files.read(name, MOST_BYTES) != hashes:
            proven.found.add("tile_differs", f"{name} is not a tile of a tree of {proven.tree.size} records.")
            continue
        above = proven.tree.hashes(level + 1, number // WIDTH) if len(hashes) == WIDTH * ENTRY else None
        at = number % WIDTH * ENTRY
        if (
            above is not None
            and root_of([hashes[i : i + ENTRY] for i in range(0, len(hashes), ENTRY)]) != above[at : at + ENTRY]
        ):
            proven.found.add("tile_differs", f"{name} is not the tile that stands in the one above it.")
