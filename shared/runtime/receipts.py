"""Receipts: what whoever commanded can hold against the audit tree later on.

Says how one is made of a record's hash, as RFC 6962 hashes a leaf. Reads nothing, and proves nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_LEAF = b"\x00"
"""What RFC 6962 (2.1) puts before a leaf, so that none can be taken for a node."""


@dataclass(frozen=True)
class Receipt:
    """Where the last record of a command stands in the log, and its leaf hash in the audit tree, in hex."""

    position: int
    leaf_hash: str

    def shown(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {"position": self.position, "leaf_hash": self.leaf_hash}


def receipt_of(position: int | None, record_sha256: str | None) -> Receipt | None:
    """Return the receipt for a record by its SHA-256 in hex; none where nothing was appended.

    An entry of the tree is the SHA-256 of a record, so its leaf hash is that of these 32 bytes.
    """
    if position is None or record_sha256 is None:
        return None
    return Receipt(position, sha256(_LEAF + bytes.fromhex(record_sha256)).hexdigest())
