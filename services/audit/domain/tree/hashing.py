"""Hash a Merkle tree and prove what is in it, as RFC 6962, section 2.1, has it. Reads no tile and knows no signature.

A *complete* subtree has 2^level leaves and begins at a multiple of that; ``HashAt`` gives the hash of one, by its level and
its number. The verifiers follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeAlias

HashAt: TypeAlias = Callable[[int, int], bytes]
"""Level and number of a complete subtree to its hash."""

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over these hashes, which may be of leaves or of complete subtrees of one size."""
    if not leaf_hashes:
        return EMPTY
    row = list(leaf_hashes)
    while len(row) > 1:  # a hash without a neighbour rises as it is: that is RFC 6962's split, from below
        paired = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        row = [*paired, row[-1]] if len(row) % 2 else paired
    return row[0]


def root(size: int, hash_at: HashAt) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return _over(0, size, hash_at) if size else EMPTY


def inclusion(index: int, size: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """Return the proof that leaf ``index`` is in the tree of ``size``, from the leaf upwards. Raises ValueError for no such leaf."""
    if not 0 <= index < size:
        message = f"a tree of {size} has no leaf {index}"
        raise ValueError(message)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_over(middle, end, hash_at))
            end = middle
        else:
            path.append(_over(start, middle, hash_at))
            start = middle
    return tuple(reversed(path))


def consistency(old: int, new: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """Return the proof that the first ``old`` leaves of the tree of ``new`` are the tree of ``old``.

    Empty where either is all there is to show. Raises ValueError where ``old`` is the larger, or negative.
    """
    if not 0 <= old <= new:
        message = f"a tree of {new} holds no tree of {old}"
        raise ValueError(message)
    if old in {0, new}:
        return ()
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_over(middle, end, hash_at))
            end = middle
        else:
            path.append(_over(start, middle, hash_at))
            start, whole = middle, False
    if not whole:
        path.append(_over(start, end, hash_at))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, hashes: Sequence[bytes], expected: bytes) -> bool:
    """Say whether ``hashes`` prove that the leaf hash stands at ``index`` under the root ``expected``."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for one in hashes:
        if last == 0:
            return False
        if at % 2 or at == last:
            found = node_hash(one, found)
            while at and not at % 2:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, one)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, hashes: Sequence[bytes]) -> bool:
    """Say whether ``hashes`` prove that the tree of ``old`` is the beginning of the tree of ``new``."""
    if old == new:
        return not hashes and old_root == new_root
    if old == 0:
        return new > 0 and not hashes and old_root == EMPTY
    if not 0 < old < new or not hashes:
        return False
    path = list(hashes) if old & (old - 1) else [old_root, *hashes]
    at, last = old - 1, new - 1
    while at % 2:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if at % 2 or at == last:
            first, second = node_hash(one, first), node_hash(one, second)
            while at and not at % 2:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, one)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _over(start: int, end: int, hash_at: HashAt) -> bytes:
    """Return the hash over the leaves from ``start`` up to ``end``, which some split of a tree has made."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return hash_at(level, start >> level)
    middle = start + _split(width)
    return node_hash(_over(start, middle, hash_at), _over(middle, end, hash_at))


def _split(size: int) -> int:
    """Return the largest power of two that is less than ``size``."""
    return 1 << (size - 1).bit_length() - 1
