"""Keep a tree in a folder: stage and sync, compare and swap, publish. Knows nothing of the log.

``committed`` is the truth: the last checkpoint that was signed for good. Everything else follows from it. One function,
``settle``, publishes what is committed, in the normal way and after a crash.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.audit.domain.tree.checkpoint import Checkpoint, parse
from services.audit.domain.tree.growing import Edge
from services.audit.tiles import crash
from services.audit.tiles.files import locked, replace, sync, write_all
from services.audit.tiles.notes import NoteError, open_note, sign, vkey
from services.audit.tiles.publishing import PUBLIC, Public
from services.audit.tiles.refusing import MovedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Held:
    """What a folder holds: the note that is committed, what it says, and the edge of its tree."""

    note: bytes
    checkpoint: Checkpoint
    edge: Edge


class Store:
    """The folder of one installation's trees: the present one, and under ``former`` those before it."""

    def __init__(self, path: Path, seed: bytes, at: crash.At = crash.nothing) -> None:
        """Keep them below ``path``, signed by the key of ``seed``."""
        self.path, self._seed, self._at = path, seed, at
        self._staging, self._committed = path / "staging", path / "committed"
        self._public = Public(path / PUBLIC, at)
        self.folder = self._public.folder
        self._held: Held | None = None

    def open(self) -> Held | None:
        """Bring to an end whatever was begun, and return what is held; None where there is no tree yet.

        Raises RefusedError, DamagedError, BusyError, and OSError for a disk that is full or not there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        note = self._read()
        if note is None:
            return None
        if self._held is None or self._held.note != note:
            with locked(self.path / "lock"):  # and read again: whoever held the lock before may have committed more
                self._held = self.settle(self._read() or note)
        return self._held

    def key(self, origin: str) -> str:
        """Return the public key of a tree."""
        return vkey(origin, self._seed)

    def former(self, incarnation: str) -> Path:
        """Return where the tree of a former incarnation of the log is kept."""
        return self.path / "former" / incarnation

    def begin(self, before: Held | None, origin: str) -> Held:
        """Begin a tree without leaves. The one before it is moved to ``former``, and its checkpoint stays beside the new one."""
        files = dict(self.with_key(origin, {}))
        empty = Checkpoint(origin, 0, Edge().root())
        with locked(self.path / "lock"):
            self._unmoved(before)
            if before is not None:
                files["previous"] = before.note
                self._set_aside(before)
            self.stage(empty, files)
            return self._commit(empty)

    def grow(self, before: Held, edge: Edge, files: Mapping[str, bytes]) -> Held:
        """Commit and publish a larger tree. Raises MovedError where ``before`` is not what is committed, and what ``open`` raises."""
        checkpoint = Checkpoint(before.checkpoint.origin, edge.size, edge.root())
        with locked(self.path / "lock"):
            self._unmoved(before)
            shutil.rmtree(self._staging, ignore_errors=True)  # of a try that was never committed
            self.stage(checkpoint, files)
            # A crash here leaves staged files that nothing refers to: they are removed, and the same ones made again.
            return self._commit(checkpoint)

    def stage(self, checkpoint: Checkpoint, files: Mapping[str, bytes]) -> None:
        """Write files for a checkpoint, and return when they are on the disk. May be called again for more of them."""
        staged = self._staged(checkpoint)
        staged.mkdir(parents=True, exist_ok=True)
        write_all(staged, files, lambda: self._at(crash.STAGED_PART))
        self._at(crash.STAGED)

    def restage(self, checkpoint: Checkpoint, files: Mapping[str, bytes]) -> None:
        """Stage files of the committed tree that are made again, while nobody publishes. Raises BusyError."""
        with locked(self.path / "lock"):
            self.stage(checkpoint, files)

    def with_key(self, origin: str, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return files and, with them, the public key of their tree."""
        return {**files, "key": f"{self.key(origin)}\n".encode()}

    def restore(self) -> Held:
        """Publish what was staged anew for the checkpoint that is committed. Raises as ``open``."""
        with locked(self.path / "lock"):
            self._held = self.settle(self._read() or b"")
        return self._held

    def settle(self, note: bytes) -> Held:
        """Publish what is committed, and remove what is not. Does nothing a second time. Raises as ``open``."""
        checkpoint = self._opened(note)
        staged = self._staged(checkpoint)
        if staged.is_dir():
            self._public.move_in(staged)
        edge = self._public.edge(checkpoint, self.with_key(checkpoint.origin, {})["key"])
        self._public.point_to(note)
        shutil.rmtree(self._staging, ignore_errors=True)
        return Held(note, checkpoint, edge)

    def _commit(self, checkpoint: Checkpoint) -> Held:
        note = sign(checkpoint.text(), checkpoint.origin, self._seed)
        replace(self._committed, note, lambda: self._at(crash.BEFORE_COMMIT))
        self._at(crash.COMMITTED)
        # A crash here leaves a checkpoint that is signed for good and not published yet: ``settle`` publishes it.
        self._held = None
        self._held = self.settle(note)
        return self._held

    def _set_aside(self, before: Held) -> None:
        """Move the tree of a former incarnation away; it stays whole."""
        former = self.former(before.checkpoint.incarnation)
        if self._public.path.is_dir():
            former.parent.mkdir(exist_ok=True)
            self._public.path.replace(former)
            sync(former.parent)
            sync(self.path)
        # A crash here leaves the former tree in its place and none in public: ``begin`` goes on from here.

    def _unmoved(self, before: Held | None) -> None:
        if self._read() != (before.note if before else None):
            raise MovedError("another process was first to commit")

    def _read(self) -> bytes | None:
        """Return the note that is committed. Raises RefusedError where there is none beside a published tree."""
        with suppress(FileNotFoundError):
            return self._committed.read_bytes()
        if self._public.path.exists():
            raise RefusedError("committed", "the checkpoint that was signed last", "a published tree without it")
        return None

    def _opened(self, note: bytes) -> Checkpoint:
        origin = note.partition(b"\n")[0].decode("utf-8", "replace")
        try:
            return parse(open_note(note, self.key(origin)))
        except (NoteError, ValueError):
            raise RefusedError("committed", "a checkpoint that our key signed", "something else") from None

    def _staged(self, checkpoint: Checkpoint) -> Path:
        return self._staging / f"{checkpoint.size}-{checkpoint.root.hex()}"
