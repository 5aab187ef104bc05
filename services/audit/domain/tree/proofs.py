"""Proofs as they are handed out: for programs as JSON, and as the text of C2SP's tlog-proof. Computes no hash."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

TLOG_PROOF = "c2sp.org/tlog-proof@v1"
"""The first line of a proof, as C2SP's tlog-proof has it."""


def proof_text(index: int, hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return the proof that an entry is in the tree of a checkpoint, which stands in it word for word."""
    lines = [TLOG_PROOF, f"index {index}", *(b64encode(one).decode() for one in hashes)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + checkpoint
