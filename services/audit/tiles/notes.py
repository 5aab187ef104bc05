"""Sign and open notes, as C2SP's signed-note has them, by Ed25519 alone. Reads no file but the key's."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from pathlib import Path

ED25519 = b"\x01"
"""The kind of a key, which stands before it."""

MOST_BYTES = 1_000_000
"""Of a note that is opened: far more than any, and a bound on what is read for nothing."""

_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE = re.compile(r"\N{EM DASH} ([^\s+]+) ([A-Za-z0-9+/=]+)")
_SEED = re.compile(r"[0-9a-fA-F]{64}")


class NoteError(ValueError):
    """A note is none, or this key has not signed it."""


class KeyFileError(ValueError):
    """A file does not hold the seed of an Ed25519 key."""


def read_seed(path: Path) -> bytes:
    """Return the seed in a file of 64 hexadecimal digits. Raises KeyFileError, which names the file and shows nothing of it."""
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise KeyFileError(f"The tree's key {path} cannot be read: {why}.") from None
    if not _SEED.fullmatch(text):
        raise KeyFileError(f"The tree's key {path} does not hold 64 hexadecimal digits.")
    return bytes.fromhex(text)


def vkey(name: str, seed: bytes) -> str:
    """Return the public key of a seed under a name, as verifiers are given it."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return f"{name}+{_key_id(name, public).hex()}+{b64encode(ED25519 + public).decode()}"


def sign(text: str, name: str, seed: bytes) -> bytes:
    """Return ``text``, which ends its last line, as a note that the key of ``seed`` signs under ``name``."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature = _key_id(name, key.public_key().public_bytes_raw()) + key.sign(text.encode())
    return f"{text}\n\N{EM DASH} {name} {b64encode(signature).decode()}\n".encode()


def open_note(note: bytes, key: str) -> str:
    """Return the text of a note that ``key`` has signed; other keys' signatures count for nothing. Raises NoteError."""
    match = _KEY.fullmatch(key)
    kind_and_key = _decoded(match[3]) if match else b""
    if match is None or kind_and_key[:1] != ED25519 or len(kind_and_key) != 1 + 32:
        raise NoteError("the key is no Ed25519 key of a signed note")
    name, key_id, public = match[1], bytes.fromhex(match[2]), kind_and_key[1:]
    if key_id != _key_id(name, public):
        raise NoteError("the key does not have the hash that stands in it")
    text, signatures = _parted(note)
    for one in signatures:
        signed = _SIGNATURE.fullmatch(one)
        if signed is None:
            raise NoteError("a line of signature is none")
        signature = _decoded(signed[2])
        if signed[1] == name and signature[:4] == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise NoteError("the signature is wrong") from None
            return text
    raise NoteError("this key has not signed it")


def _parted(note: bytes) -> tuple[str, list[str]]:
    """Return a note's text and its lines of signatures."""
    try:
        whole = note[: MOST_BYTES + 1].decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise NoteError("it is not text") from None
    head, parted, tail = whole.rpartition("\n\n")
    control = any(sign < " " and sign != "\n" for sign in whole)
    if len(note) > MOST_BYTES or not parted or not tail.endswith("\n") or control:
        raise NoteError("it is no signed note")
    return head + "\n", tail[:-1].split("\n")


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise NoteError("it is not base64 where that is wanted") from None


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]
