"""Take from the published tree what proves some records, and nothing more of it. Reads files; signs and writes nothing.

Each proof is held against the record and the root before anything is handed out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.audit.domain.bundling import as_json
from services.audit.domain.tiled import Tile, Tiles, tiles_for
from services.audit.domain.tree.hashing import verify_inclusion
from shared.decider import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from services.audit.domain.bundling import Bundled

_TLOG_PROOF = "c2sp.org/tlog-proof@v1"
"""The first line of a proof (C2SP tlog-proof)."""


@dataclass(frozen=True)
class Proven:
    """What the tree proves of some records."""

    key: str
    origin: str
    size: int
    root: bytes
    files: Mapping[str, bytes]
    """Of the bundle: the tree's, the proofs, and the key as openssl reads it."""


@dataclass(frozen=True)
class Tree:
    """The published tree, as any web server could serve it."""

    public: Path

    def prove(self, records: Sequence[Bundled]) -> Proven | None:
        """Return what proves these records; None while no checkpoint covers the last of them.

        Raises Rejected (``tree_differs``) where the tree does not hold what the log holds.
        """
        try:
            checkpoint, key = (
                (self.public / "checkpoint").read_bytes(),
                (self.public / "key").read_text("ascii").strip(),
            )
        except FileNotFoundError:
            return None
        origin, number, hashed, *_ = checkpoint.decode().split("\n")
        size, root = int(number), base64.b64decode(hashed)
        if size < max(record.position for record in records):
            return None
        indexes = [record.index for record in records]
        tiles = {tile: self._read(tile) for tile in tiles_for(indexes, size)}
        known = Tiles({(tile.level, tile.number): content for tile, content in tiles.items()})
        if known.root(size) != root:
            raise Rejected("tree_differs")
        files = {f"tree/{tile.path}": content for tile, content in tiles.items()}
        files |= {"tree/checkpoint": checkpoint, "tree/key": f"{key}\n".encode(), "key.pem": _pem(key)}
        for record in records:
            files |= _proofs(record, known, size, root, checkpoint)
        return Proven(key, origin, size, root, files)

    def _read(self, tile: Tile) -> bytes:
        """Read a tile as it was at some size: from a later one of the same place where it has grown since."""
        for path in (tile.path, tile.whole):
            try:
                content = (self.public / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            if len(content) >= tile.length:
                return content[: tile.length]
        raise Rejected("tree_differs")


def _proofs(record: Bundled, tiles: Tiles, size: int, root: bytes, checkpoint: bytes) -> Mapping[str, bytes]:
    """Return the proof of one record, for programs of two kinds."""
    hashes = tiles.inclusion(record.index, size)
    leaf = bytes.fromhex(record.leaf_hash)
    if tiles.entry(record.index) != record.entry or not verify_inclusion(leaf, record.index, size, hashes, root):
        raise Rejected("tree_differs")
    lines = [_TLOG_PROOF, f"index {record.index}", *(base64.b64encode(one).decode() for one in hashes), ""]
    told = {
        "index": record.index,
        "size": size,
        "entry": record.entry.hex(),
        "leaf_hash": record.leaf_hash,
        "hashes": [one.hex() for one in hashes],
        "root": root.hex(),
    }
    name = f"proofs/{record.index}"
    return {f"{name}.tlog-proof": "\n".join((*lines, "")).encode() + checkpoint, f"{name}.json": as_json(told)}


def _pem(vkey: str) -> bytes:
    """Return a verifier key of a signed note as openssl reads it."""
    kind_and_key = base64.b64decode(vkey.split("+", 2)[2])
    return Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
