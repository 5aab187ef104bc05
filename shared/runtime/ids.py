"""Ids, salts, tokens: the one place where randomness comes from. No domain calls it; applications pass its results in."""

from __future__ import annotations

import os
import secrets
import time

_TOKEN_BYTES = 32
"""Bytes of a bearer token: beyond guessing, and short enough to paste."""


def new_id() -> str:
    """Return a new opaque id: a UUID version 7 (RFC 9562) as 32 hexadecimal digits, so that ids made later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & ((1 << 62) - 1)
    return f"{value:032x}"


def new_salt() -> str:
    """Return 16 random bytes in hexadecimal: no record can be guessed from its hash."""
    return os.urandom(16).hex()


def new_token() -> str:
    """Return a new bearer token. Whoever shows it is the person it was issued to."""
    return "lw_" + secrets.token_urlsafe(_TOKEN_BYTES)
