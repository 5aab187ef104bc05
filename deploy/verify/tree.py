"""Verify a published tree: its signature, every entry, every tile and the root. Reads any source, and writes nothing.

Holds one tile of each level, so that a tree of any size takes the same memory.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING

from deploy.verify.found import UnverifiableError
from deploy.verify.rising import WIDTH, Rising
from services.audit.domain.tree.checkpoint import Checkpoint, parse
from services.audit.domain.tree.hashing import leaf_hash
from services.audit.domain.tree.tiles import tile_path
from services.audit.tiles.notes import NoteError, open_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.verify.found import Found
    from deploy.verify.sources import Source
    from services.audit.domain.tree.tiles import Level

MOST_NOTE = 16 * 1024
"""Bytes of a checkpoint or of a key: both have some hundreds."""

ENTRY = 32
"""Bytes of an entry: the SHA-256 of a record."""

KEY = 32
ED25519 = 1
"""Of a verifier key: how many bytes it has, and the byte before them that says so (C2SP's signed-note)."""

MOST_TILE = WIDTH * (2 + ENTRY)
"""Bytes of a full bundle of entries; a tile of hashes has fewer."""


class Tree:
    """The tree that a checkpoint speaks of, as a source publishes it."""

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        """Read entries and tiles by ``source``."""
        self._source, self.checkpoint = source, checkpoint
        self._bundle: tuple[int, Sequence[bytes] | None] = (-1, None)

    @property
    def size(self) -> int:
        """How many records the checkpoint covers."""
        return self.checkpoint.size

    def entry(self, index: int) -> bytes | None:
        """Return the entry of a record; None where its bundle is missing or damaged."""
        number = index // WIDTH
        if self._bundle[0] != number:
            self._bundle = (number, self._entries(number))
        entries = self._bundle[1]
        return entries[index % WIDTH] if entries else None

    def hashes(self, level: int, number: int) -> bytes | None:
        """Return the hashes of a tile, one after another; None where it is missing."""
        return self._read(level, number, ENTRY)

    def verify(self, found: Found) -> None:
        """Add to ``found`` what is wrong with entries, tiles and root."""
        rising = Rising(lambda level, number, hashes: self._compare(level, number, hashes, found))
        for number in range(-(-self.size // WIDTH)):
            entries = self._entries(number)
            if entries is None:
                first, last = number * WIDTH + 1, min((number + 1) * WIDTH, self.size)
                found.add(
                    "entries_damaged",
                    f"The entries of positions {first} to {last} are missing or damaged.",
                    first,
                )
                return  # nothing above them can be told any more
            for entry in entries:
                rising.add(leaf_hash(entry))
        if rising.end() != self.checkpoint.root:
            found.add("root_differs", "The entries do not have the root that the checkpoint signs.")
        found.checked["entries"] = self.size

    def _compare(self, level: int, number: int, hashes: Sequence[bytes], found: Found) -> None:
        """Compare a tile with the hashes that the entries give it."""
        read = self.hashes(level, number)
        span = WIDTH**level
        first = number * WIDTH * span + 1
        if read is None:
            last = min(first + len(hashes) * span - 1, self.size)
            found.add(
                "tile_missing", f"Tile {number} of level {level} is missing (positions {first} to {last}).", first
            )
        for place, hash_ in enumerate(hashes):
            if read is not None and read[place * ENTRY : (place + 1) * ENTRY] != hash_:
                position = first + place * span
                found.add(
                    "tile_differs", f"Tile {number} of level {level} differs from the entries at {position}.", position
                )
        found.checked["tiles"] = int(found.checked.get("tiles", 0)) + 1

    def _entries(self, number: int) -> Sequence[bytes] | None:
        data = self._read("entries", number, 2 + ENTRY)
        if data is None:
            return None
        entries = [data[at : at + 2 + ENTRY] for at in range(0, len(data), 2 + ENTRY)]
        if any(one[:2] != ENTRY.to_bytes(2, "big") for one in entries):
            return None
        return [one[2:] for one in entries]

    def _read(self, level: Level, number: int, each: int) -> bytes | None:
        """Return what a tile holds at this size, whether it is published in part or in full by now."""
        held = self.size if level == "entries" else self.size // WIDTH**level
        width = min(WIDTH, held - number * WIDTH)
        for wide in dict.fromkeys((width, WIDTH)) if width > 0 else ():
            data = self._source.read(tile_path(level, number, wide), MOST_TILE)
            if data is not None and len(data) == wide * each:
                return data[: width * each]
        return None


def opened(source: Source, key: str, name: str = "checkpoint") -> Tree:
    """Return the tree of a checkpoint that this key has signed. Raises UnverifiableError."""
    note = source.read(name, MOST_NOTE)
    if note is None:
        raise UnverifiableError(
            f"There is no {name} here, so there is no tree. Name a folder that holds one, or a bundle."
        )
    try:
        return Tree(source, parse(open_note(note, key)))
    except (NoteError, ValueError) as error:
        raise UnverifiableError(f"The {name} is not one that the key {key[:60]} signed ({error}).") from None


def key_of(source: Source, given: str | None) -> str:
    """Return the key to verify by: the one that somebody gave, else the one that lies beside. Raises UnverifiableError."""
    if given:
        return given.strip()
    key = (source.read("key", MOST_NOTE) or b"").decode("ascii", "replace").strip()
    if not key:
        raise UnverifiableError(
            "There is no key beside the checkpoint. Give the one that you know the log by with --key."
        )
    return key


def public_key(key: str) -> bytes:
    """Return the 32 bytes of an Ed25519 key. Raises UnverifiableError where it is none."""
    try:
        public = b64decode(key.split("+", 2)[2], validate=True)
    except (IndexError, Base64Error, ValueError):
        public = b""
    if len(public) != 1 + KEY or public[0] != ED25519:
        raise UnverifiableError(f"{key[:80]!r} is no Ed25519 key as a signed note names one: name+hash+key.")
    return public[1:]
