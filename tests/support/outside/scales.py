"""tlog-scales (PyPI, by an author who does not know Lonewatch): notes, tiles, inclusion and consistency."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import (
    Checkpoint,
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)
from tlog_scales.utils import sha256

from tests.support.outside.shown import WIDTH, Receipt, Shown, WrongError

REFUSALS = (
    ConsistencyProofInvalid,
    InclusionProofInvalid,
    InvalidSignature,
    RuntimeError,
    UnicodeDecodeError,
    ValueError,
    IndexError,
    WrongError,
)
"""What it raises where something is not as it should be."""


def tlog_scales(shown: Sequence[Shown]) -> list[str]:
    """Judge by tlog-scales."""
    return [_judged(one) for one in shown]


def _judged(shown: Shown) -> str:
    try:
        _judge(shown)
    except REFUSALS as refused:
        return f"{type(refused).__name__}: {refused}"
    return ""


def _judge(shown: Shown) -> None:
    reader = TilesReader(LocalBackend(shown.folder))
    checkpoint = _signed(reader.get_checkpoint(), shown.key)
    if reader.calculate_root_hash() != checkpoint.root_hash:
        raise WrongError("the tiles have another root")
    _whole(reader, checkpoint.size)
    for receipt in shown.receipts:
        _included(receipt, reader, checkpoint)
    if shown.remembered:
        old = _signed(Checkpoint.from_text(shown.remembered.decode()), shown.key)
        if checkpoint.size < old.size:
            raise WrongError(f"the log has {checkpoint.size} entries and had {old.size}")
        reader.get_consistency_proof(old.size, checkpoint.size).check(old.root_hash, checkpoint.root_hash)
        if shown.consistency is not None and old.size:
            given = ConsistencyProof(old.size, checkpoint.size, list(shown.consistency))
            given.check(old.root_hash, checkpoint.root_hash)


def _signed(checkpoint: Checkpoint, key: str) -> Checkpoint:
    """Return a checkpoint that the key has signed, under the key's own name."""
    vkey = Vkey.from_string(key)
    if checkpoint.origin != vkey.name:
        raise WrongError("the checkpoint is of another log")
    checkpoint.verify(vkey)
    return checkpoint


def _whole(reader: TilesReader, size: int) -> None:
    """Prove every tile by the one above it, and every entry by its leaf."""
    span = WIDTH
    while span <= size:
        for start in range(0, size - size % span, span):
            middle, end = start + span // 2, start + span
            if sha256(b"\x01" + reader.mth(start, middle) + reader.mth(middle, end)) != reader.mth(start, end):
                raise WrongError(
                    f"the tile of {span // WIDTH} leaves a hash from {start} on is not what stands above it"
                )
        span *= WIDTH
    for index in range(size):
        if leaf_hash(reader.get_entry(index)) != reader.mth(index, index + 1):
            raise WrongError(f"entry {index} is not what its leaf holds")


def _included(receipt: Receipt, reader: TilesReader, checkpoint: Checkpoint) -> None:
    if receipt.index >= checkpoint.size:
        raise WrongError("the log is shorter than that")
    leaf = leaf_hash(receipt.entry)
    reader.get_inclusion_proof(receipt.index, checkpoint.size).check(leaf, checkpoint.root_hash)
    if receipt.proof is not None:
        InclusionProof(receipt.index, checkpoint.size, list(receipt.proof)).check(leaf, checkpoint.root_hash)
