"""One sealed field as bytes: how it is sealed and opened under a person's key. No database, no wrapping key.

Each field has a key of its own, made of the person's key and the field's ``nonce``, so that one field can be disclosed and
nothing else. ``ct`` begins with a hash of that key: nobody can claim another key, under which the field says something else.
Fields of releases before 0.3.0 are sealed under the person's key itself; they stay readable, and cannot be disclosed.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
"""Of every key: AES-256."""

COMMITMENT = b"lonewatch field key"
"""What is hashed before a field's key, so that the hash stands for nothing else."""

FIXED_NONCE = bytes(12)
"""The nonce of AES-GCM: always the same, because a field's key seals one field and no other."""

_SALT_BYTES = 32
"""Of ``nonce``, so random that no two fields of a person ever have the same key. It also marks a field as one with its own key."""

_COMMITMENT_BYTES = 32
_INFO = b"lonewatch field v2"
_AAD_BEFORE = b"lonewatch sealed v1"
"""What releases before 0.3.0 bound to a field."""


def encode(value: bytes) -> str:
    """Return bytes as base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(value: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def seal_field(person_key: bytes, text: str) -> tuple[str, str]:
    """Return ``nonce`` and ``ct`` of a text, sealed under a key of its own."""
    salt = os.urandom(_SALT_BYTES)
    key = _field_key(person_key, salt)
    return encode(salt), encode(_commitment(key) + AESGCM(key).encrypt(FIXED_NONCE, text.encode(), None))


def open_field(person_key: bytes, nonce: str, ct: str) -> str:
    """Open a field. Raises InvalidTag where it was not sealed under this person's key."""
    key = field_key(person_key, nonce)
    if key is None:
        return AESGCM(person_key).decrypt(decode(nonce), decode(ct), _AAD_BEFORE).decode()
    return open_with(key, ct)


def field_key(person_key: bytes, nonce: str) -> bytes | None:
    """Return the key that opens one field and nothing else; None for a field that was sealed before there were such keys."""
    salt = decode(nonce)
    return _field_key(person_key, salt) if len(salt) == _SALT_BYTES else None


def open_with(key: bytes, ct: str) -> str:
    """Open a field with its own key, as whoever was given that key does. Raises InvalidTag where it is not its key."""
    content = decode(ct)
    if not compare_digest(content[:_COMMITMENT_BYTES], _commitment(key)):
        raise InvalidTag
    return AESGCM(key).decrypt(FIXED_NONCE, content[_COMMITMENT_BYTES:], None).decode()


def _field_key(person_key: bytes, salt: bytes) -> bytes:
    """Derive a field's key by HKDF (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=_INFO).derive(person_key)


def _commitment(key: bytes) -> bytes:
    return sha256(COMMITMENT + key).digest()
