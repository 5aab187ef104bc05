"""Personal links: one short code for each person told of an escalation.

The code follows from the installation's secret, so whoever writes a message and whoever answers the link derive the same
one without asking each other. It is the identity of its recipient: it is stored nowhere, only its SHA-256 is.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.runtime.sealing import Keyring

_CODE_BYTES = 10
"""80 bits: beyond guessing over a network, and 16 characters that fit into a text message."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case, without i, l, o and u. Source: Douglas Crockford, Base 32."""

_READ_AS = str.maketrans("oil", "011")
"""What people write for a digit when they copy a code by hand."""


async def link_code(keyring: Keyring, escalation_id: str, worker_id: str) -> str:
    """Return the code by which one person reaches one escalation: 16 characters, the same in every process."""
    keyed = await keyring.keyed_hash("link", f"{escalation_id}|{worker_id}".encode())
    return encode_code(keyed[:_CODE_BYTES])


def encode_code(content: bytes) -> str:
    """Write bytes in Crockford's base 32, five bits a character from the first bit on. Takes multiples of 5 bytes."""
    bits = int.from_bytes(content, "big")
    characters = len(content) * 8 // 5
    return "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(characters)))


def link_of(public_url: str, code: str) -> str:
    """Return the address that a person opens."""
    return f"{public_url.rstrip('/')}/escalation/e/{code}"


def code_sha256(code: str) -> bytes:
    """Return what is stored of a code, read as a person may have typed it."""
    return sha256(code.lower().translate(_READ_AS).encode()).digest()
