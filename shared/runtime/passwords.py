"""Passwords: argon2id with the library's parameters, hashed in threads, few at a time. Stores nothing."""

from __future__ import annotations

import asyncio
from secrets import token_urlsafe
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 1
"""Hashes at once of each of the two lanes: each takes 64 MiB and a core. A flood of sign-ins keeps no call for help out."""


class Passwords:
    """Hashes and checks passwords: calls for help in a lane of their own, everything else in another."""

    def __init__(self) -> None:
        """Use the parameters that the library recommends (RFC 9106, second choice)."""
        self._hasher = PasswordHasher()
        self._lanes = {urgent: asyncio.Semaphore(AT_ONCE) for urgent in (False, True)}
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with its parameters and a new salt."""
        async with self._lanes[False]:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def right(self, password_hash: str | None, password: str, *, urgent: bool = False) -> bool:
        """Say whether this is the password. Where there is no hash the answer is no, and takes as long."""
        async with self._lanes[urgent]:
            if self._nobodys is None:  # before the first answer of all, so that it tells nothing of any login
                self._nobodys = await asyncio.to_thread(self._hasher.hash, token_urlsafe().encode())
            matches = await asyncio.to_thread(self._matches, password_hash or self._nobodys, _bytes(password))
            return matches and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    """Return what is hashed: the same characters give the same bytes, whichever keyboard composed them (NFKC)."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")
