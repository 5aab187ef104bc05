"""pymerkle (PyPI) for the tree, which it makes anew from all entries, and the openssl command for the signature."""

from __future__ import annotations

import subprocess
import tempfile
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pymerkle import InclusionProof, InmemoryTree, InvalidChallenge, InvalidProof, verify_consistency, verify_inclusion

from tests.support.outside.shown import WIDTH, Receipt, Shown, WrongError, bundle, tile, tiles_of

SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in the form that OpenSSL reads (RFC 8410)."""


def pymerkle_and_openssl(shown: Sequence[Shown]) -> list[str]:
    """Judge by pymerkle and OpenSSL."""
    return [_judged(one) for one in shown]


def _judged(shown: Shown) -> str:
    try:
        _judge(shown)
    except (InvalidProof, InvalidChallenge, WrongError, Base64Error, ValueError, IndexError) as refused:
        return f"{type(refused).__name__}: {refused}"
    return ""


def _judge(shown: Shown) -> None:
    size, root = signed((shown.folder / "checkpoint").read_bytes(), shown.key)
    tree = InmemoryTree(algorithm="sha256")
    for number, width in tiles_of(size):
        tree.append_entries(bundle(shown.folder, number, width))
    if tree.get_root() != root:
        raise WrongError("the entries have another root")
    _tiles(shown.folder, tree)
    for receipt in shown.receipts:
        _included(receipt, tree, root)
    if shown.remembered:
        old_size, old_root = signed(shown.remembered, shown.key)
        if size < old_size:
            raise WrongError(f"the log has {size} entries and had {old_size}")
        if old_size:
            verify_consistency(old_root, root, tree.prove_consistency(old_size), prior_size=old_size, later_size=size)


def signed(note: bytes, key: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that the key has signed, by OpenSSL's judgement. Raises WrongError."""
    text, _, signatures = note.decode("utf-8", "replace").partition("\n\n")
    name, _, public = key.partition("+")[0], *key.partition("+")[2].partition("+")[1:]
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != name:
        raise WrongError("the checkpoint is of another log")
    signature = next((line for line in signatures.splitlines() if line.startswith(f"— {name} ")), "")
    if not _verified(f"{text}\n", b64decode(signature.rpartition(" ")[2])[4:], b64decode(public)[1:]):
        raise WrongError("the signature is not that of the key")
    return int(lines[1]), b64decode(lines[2], validate=True)


@cache
def _verified(text: str, signature: bytes, public: bytes) -> bool:
    pem = b64encode(SPKI + public).decode()
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n".encode()}
        files |= {"text": text.encode(), "signature": signature}
        paths = {name: Path(folder, name) for name in files}
        for name, path in paths.items():
            path.write_bytes(files[name])
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(paths["key"])]
        command += ["-in", str(paths["text"]), "-sigfile", str(paths["signature"])]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _tiles(folder: Path, tree: InmemoryTree) -> None:
    """Compare every tile with the hashes that pymerkle has, level by level."""
    hashes = [tree.get_leaf(index) for index in range(1, tree.get_size() + 1)]
    level = 0
    while hashes:
        for number, width in tiles_of(len(hashes)):
            start = number * WIDTH
            if tile(folder, str(level), number, width) != b"".join(hashes[start : start + width]):
                raise WrongError(f"tile {number} of level {level} holds other hashes")
        hashes = hashes[: len(hashes) - len(hashes) % WIDTH]
        for _ in range(8):
            hashes = [tree.hash_pair(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
        level += 1


def _included(receipt: Receipt, tree: InmemoryTree, root: bytes) -> None:
    size = tree.get_size()
    leaf = tree.hash_buff(receipt.entry)
    own = tree.prove_inclusion(receipt.index + 1)
    verify_inclusion(leaf, root, own, index=receipt.index + 1, size=size)
    if receipt.proof is not None:
        given = InclusionProof("sha256", True, size, receipt.index + 1, own.rule, [leaf, *receipt.proof])  # noqa: FBT003 -- its signature
        verify_inclusion(leaf, root, given, index=receipt.index + 1, size=size)
