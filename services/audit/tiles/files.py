"""Write files so that they outlast a loss of power, one writer at a time. Knows nothing of trees."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class BusyError(OSError):
    """Another process is at work in the folder."""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock that ends with the process. Raises BusyError where another holds it: whoever waits would wait for one that is stopped."""
    with file.open("ab") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another process holds {file.name}") from None
        yield


def write_all(folder: Path, files: Mapping[str, bytes], after_first: Callable[[], None]) -> None:
    """Write files below a folder, and return when they and their names are on the disk."""
    written = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
        if len(written) == 1:
            after_first()
    for path in written:
        sync(path)
    sync_folders(folder, written)


def replace(path: Path, content: bytes, before: Callable[[], None]) -> None:
    """Give a file another content at once: whoever reads finds the one or the other, after a loss of power, too."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    sync(fresh)
    before()
    fresh.replace(path)
    sync(path.parent)


def sync_folders(root: Path, files: list[Path]) -> None:
    """Bring the names of files to the disk, of their folders up to ``root`` and of that itself."""
    folders = {parent for path in files for parent in path.parents if parent.is_relative_to(root)}
    for folder in sorted({*folders, root}, key=lambda one: len(one.parts), reverse=True):
        sync(folder)
    sync(root.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
