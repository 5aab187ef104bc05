"""What somebody could do to a log of some size: without its key by changing bytes, and with it by signing another story.

Each attack returns what an auditor is shown then, or nothing where the log is too small for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from tests.support.outside.shown import WIDTH, Receipt, Shown
from tests.support.outside.trees import OTHER_SEED, World, earlier, entry

Attack: TypeAlias = Callable[[World, int], Shown | None]


def changed(data: bytes, at: int) -> bytes:
    """Return the same with one byte changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _exchanged(world: World, size: int, name: str, path: str, at: int) -> Shown:
    """Return the honest log with one byte of one file changed."""
    folder = world.below / f"{name}-{size}"
    if not folder.exists():
        shutil.copytree(world.honest[size], folder)
        file = folder / path
        file.write_bytes(changed(file.read_bytes(), at))
    return replace(world.shown(size), folder=folder)


def _last(level: str, entries: int) -> str:
    """Return the path of the tile of a level that is written last."""
    number, rest = divmod(entries, WIDTH)
    return f"tile/{level}/{number:03d}.p/{rest}" if rest else f"tile/{level}/{number - 1:03d}"


def changed_record(world: World, size: int) -> Shown | None:
    """Change one byte of a record after its receipt was given."""
    if not size:
        return None
    shown = world.shown(size)
    return replace(shown, receipts=[*shown.receipts[:-1], Receipt(size - 1, entry(size - 1, "As it was"))])


def changed_entry(world: World, size: int) -> Shown | None:
    """Change one byte of the newest bundle of entries."""
    return _exchanged(world, size, "entry", _last("entries", size), 2) if size else None


def changed_tile(world: World, size: int) -> Shown | None:
    """Change one byte of the newest tile of leaf hashes."""
    return _exchanged(world, size, "tile", _last("0", size), 31) if size else None


def changed_tile_above(world: World, size: int) -> Shown | None:
    """Change one byte of a tile whose hashes stand for 256 leaves each."""
    return _exchanged(world, size, "above", _last("1", size // WIDTH), 0) if size >= WIDTH else None


def changed_checkpoint(line: int, at: int) -> Attack:
    """Change one byte of a line of the checkpoint."""

    def attack(world: World, size: int) -> Shown:
        before = b"".join(world.checkpoint(size).splitlines(keepends=True)[:line])
        return _exchanged(world, size, f"checkpoint-{line}", "checkpoint", len(before) + at)

    return attack


def foreign_key(world: World, size: int) -> Shown:
    """Sign the same tree by another key under the same name."""
    return replace(world.shown(size), folder=world.written(f"foreign-{size}", world.entries[:size], OTHER_SEED))


def dropped(world: World, size: int) -> Shown | None:
    """Drop a record that an auditor saw a checkpoint of, close the gap, go on and sign: nobody has a receipt of it."""
    if not size:
        return None
    at = earlier(size) - 1
    entries = [*world.entries[:at], *world.entries[at + 1 : size], entry(size)]
    return replace(world.shown(size), folder=world.written(f"dropped-{size}", entries), receipts=())


def dropped_since(world: World, size: int) -> Shown | None:
    """Drop a record that is newer than what any auditor has seen: only the receipts show it."""
    at = earlier(size)
    if at == size:
        return None
    entries = [*world.entries[:at], *world.entries[at + 1 : size], entry(size)]
    return replace(world.shown(size), folder=world.written(f"since-{size}", entries))


def renumbered(world: World, size: int) -> Shown | None:
    """Exchange two records' positions and sign; nobody remembers a checkpoint, but somebody has their receipts."""
    if size < len("ab"):
        return None
    entries = [world.entries[1], world.entries[0], *world.entries[2:size]]
    return replace(world.shown(size), folder=world.written(f"renumbered-{size}", entries), remembered=b"")


def fork(world: World, size: int) -> Shown | None:
    """Show one auditor another newest record than all the others, at the same size, signed."""
    if not size:
        return None
    folder = world.written(f"fork-{size}", [*world.entries[: size - 1], entry(size - 1, "for you")])
    return Shown(folder, world.key, world.checkpoint(size))


def backup(world: World, size: int) -> Shown | None:
    """Show the log as it was: last week's backup, with its own signed checkpoint."""
    before = earlier(size)
    if before == size:
        return None
    return Shown(world.honest[before], world.key, world.checkpoint(size))


def backup_grown_on(world: World, size: int) -> Shown | None:
    """Bring back last week's backup and go on from there, past where the log was, signed."""
    before = earlier(size)
    if before == size:
        return None
    since = (entry(number, "told anew") for number in range(before, size + 1))
    return Shown(world.written(f"grown-{size}", [*world.entries[:before], *since]), world.key, world.checkpoint(size))


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "a changed byte of a record": changed_record,
        "a changed byte of an entry": changed_entry,
        "a changed byte of a tile": changed_tile,
        "a changed byte of a tile above": changed_tile_above,
        "a changed byte of the origin": changed_checkpoint(0, 3),
        "a changed byte of the size": changed_checkpoint(1, 0),
        "a changed byte of the root": changed_checkpoint(2, 5),
        "a changed byte of the signature": changed_checkpoint(4, 90),
        "another key": foreign_key,
        "a dropped record": dropped,
        "a record dropped since": dropped_since,
        "a renumbered record": renumbered,
        "a fork": fork,
        "last week's backup": backup,
        "last week's backup grown on": backup_grown_on,
    }
)
"""All of them, by what they are called in the tests."""
