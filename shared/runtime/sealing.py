"""Sealed fields: one key per person, wrapped by the operator's key (AES key wrap, RFC 3394). Without its row nothing opens.

The ``kid`` of a sealed field is the SHA-256 of the person's key. How a field is sealed under it is ``sealed_fields``.
"""

from __future__ import annotations

import os
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.contracts.base import Sealed
from shared.runtime.clock import monotonic
from shared.runtime.sealed_fields import KEY_BYTES, encode, field_key, open_field, seal_field

if TYPE_CHECKING:
    from pathlib import Path

    from shared.runtime.postgres import Pool

KEPT = 60.0
"""Seconds for which a process keeps an opened key: an erasure is complete everywhere after that."""

ERASED = "(erased)"
"""What people read where a person's key is gone."""

# A person's key, made once: whoever is second takes the first one's.
MAKE_KEY = "INSERT INTO key (subject_id, kid, wrapped) VALUES ($1, $2, $3) ON CONFLICT (subject_id) DO NOTHING"
KEY_OF = "SELECT kid, wrapped FROM key WHERE subject_id = $1"
KEY_BY_KID = "SELECT wrapped FROM key WHERE kid = $1"
MAKE_SECRET = "INSERT INTO secret (name, wrapped) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
SECRET_OF = "SELECT wrapped FROM secret WHERE name = $1"

_WRONG_KEY = "the stored keys do not open: give LONEWATCH_WRAPPING_KEY_FILE the key that they were wrapped with"


class Erased(LookupError):  # noqa: N818 -- says what became of it
    """There is no key for this field: the person was erased, or the field is of another installation."""


class WrongWrappingKeyError(RuntimeError):
    """The operator's key does not open what is stored."""


def read_wrapping_key(path: Path) -> bytes:
    """Read the operator's key: 32 bytes as 64 hexadecimal digits. Raises WrongWrappingKeyError, saying what to do."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        message = f"{path} must hold 64 hexadecimal digits; restore it from your backup: without it no name or number can be read"
        raise WrongWrappingKeyError(message)
    return key


class Keyring:
    """Seals and opens fields with the keys of persons."""

    def __init__(self, pool: Pool, wrapping_key: bytes) -> None:
        """Use the keys database behind ``pool``."""
        self._pool = pool
        self._wrapping_key = wrapping_key
        self._by_subject: dict[str, tuple[float, str, bytes]] = {}
        self._by_kid: dict[str, tuple[float, bytes]] = {}
        self._secrets: dict[str, bytes] = {}

    async def seal(self, subject_id: str, text: str) -> Sealed:
        """Seal a text under the key of one person, making the key when there is none.

        Half a character, as a device leaves it that cuts a text, becomes the sign for what cannot be shown.
        """
        kid, key = await self._key_of(subject_id)
        nonce, ct = seal_field(key, text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        return Sealed(kid=kid, nonce=nonce, ct=ct)

    async def open(self, sealed: Sealed) -> str:
        """Open a sealed field. Raises Erased when its key is gone."""
        key = await self._key_by_kid(sealed.kid)
        return open_field(key, sealed.nonce, sealed.ct)

    async def open_or(self, sealed: Sealed | None, instead: str = ERASED) -> str:
        """Open a sealed field, or return ``instead`` where there is none or its key is gone."""
        if sealed is None:
            return instead
        try:
            return await self.open(sealed)
        except Erased:
            return instead

    async def disclose(self, sealed: Sealed) -> bytes | None:
        """Return the key that opens this field and nothing else; None for a field that has no key of its own.

        Raises Erased when the person's key is gone.
        """
        return field_key(await self._key_by_kid(sealed.kid), sealed.nonce)

    async def keyed_hash(self, secret: str, content: bytes) -> bytes:
        """Return HMAC-SHA-256 of ``content`` under a secret of the installation, making the secret when there is none."""
        key = self._secrets.get(secret)
        if key is None:
            await self._pool.execute(MAKE_SECRET, secret, aes_key_wrap(self._wrapping_key, os.urandom(KEY_BYTES)))
            key = self._secrets[secret] = self._unwrap(await self._pool.fetchval(SECRET_OF, secret))
        return hmac_digest(key, content, "sha256")

    def _forget_expired(self) -> None:
        """Drop opened keys that were kept long enough, asked for again or not."""
        before = monotonic() - KEPT
        for kept in (self._by_subject, self._by_kid):
            for name in [name for name, entry in kept.items() if entry[0] < before]:
                del kept[name]

    async def _key_of(self, subject_id: str) -> tuple[str, bytes]:
        self._forget_expired()
        if kept := self._by_subject.get(subject_id):
            return kept[1], kept[2]
        row = await self._pool.fetchrow(KEY_OF, subject_id)
        if row is None:
            key = os.urandom(KEY_BYTES)
            await self._pool.execute(
                MAKE_KEY, subject_id, encode(sha256(key).digest()), aes_key_wrap(self._wrapping_key, key)
            )
            return await self._key_of(subject_id)
        key = self._unwrap(row["wrapped"], row["kid"])
        self._by_subject[subject_id] = (monotonic(), row["kid"], key)
        return row["kid"], key

    async def _key_by_kid(self, kid: str) -> bytes:
        self._forget_expired()
        if kept := self._by_kid.get(kid):
            return kept[1]
        wrapped = await self._pool.fetchval(KEY_BY_KID, kid)
        if wrapped is None:
            self._by_kid.pop(kid, None)
            raise Erased(kid)
        key = self._unwrap(wrapped, kid)
        self._by_kid[kid] = (monotonic(), key)
        return key

    def _unwrap(self, wrapped: bytes, kid: str | None = None) -> bytes:
        """Unwrap a key, which must be the one that ``kid`` commits to."""
        try:
            key = aes_key_unwrap(self._wrapping_key, wrapped)
        except InvalidUnwrap:
            raise WrongWrappingKeyError(_WRONG_KEY) from None
        if kid not in {None, encode(sha256(key).digest())}:
            raise WrongWrappingKeyError(_WRONG_KEY)
        return key
