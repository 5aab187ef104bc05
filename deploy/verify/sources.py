"""Where files are read from: a folder or a zip, by the same names, and never more of them than they may hold."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from deploy.verify.found import UnverifiableError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FILES = 100_000
"""Files of a bundle: 20,000 records with two proofs each, and the tiles; the largest visit has some hundreds."""

MOST_BYTES = 2 * 1024**3
"""Bytes of all files of a bundle, unpacked. Whatever claims more was made to fill a memory or a disk."""

COMPRESSED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The ways of storing that every unzip knows, and none that needs another library."""


class Source(Protocol):
    """Files by their names."""

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes; None where there is none. Raises UnverifiableError where it has more than ``most``."""


class InFolder:
    """The files below a folder."""

    def __init__(self, folder: Path) -> None:
        """Read below ``folder``."""
        self._folder = folder

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes; None where there is none. Raises UnverifiableError where it has more than ``most``."""
        path = self._folder / name
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnverifiableError(f"{path} cannot be read ({error.strerror}).") from None
        return _bounded(name, content, most)


class InZip:
    """The files of a zip: regular ones with plain names, each once, and not more than a bundle may have."""

    def __init__(self, path: Path) -> None:
        """Open it and look at the list of its files. Raises UnverifiableError."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
            raise UnverifiableError(
                f"{path} is no whole zip: it was cut short, changed, or is another kind of file. Get it again from where it was made."
            ) from None
        self._sizes = self._listed(path)

    def _listed(self, path: Path) -> Mapping[str, int]:
        infos = self._zip.infolist()
        if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
            raise UnverifiableError(f"{path} claims more than any bundle holds; it was not unpacked.")
        for info in infos:
            plain = PurePosixPath(info.filename)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if plain.is_absolute() or ".." in plain.parts or "\\" in info.filename or str(plain) != info.filename:
                raise UnverifiableError(f"{path} holds a file outside itself; it was not unpacked.")
            if kind not in (0, stat.S_IFREG) or info.flag_bits & 1 or info.compress_type not in COMPRESSED:
                raise UnverifiableError(f"{path} holds what is no plain file: {info.filename[:80]!r}.")
        sizes = {info.filename: info.file_size for info in infos}
        if len(sizes) != len(infos):
            raise UnverifiableError(f"{path} holds a name twice: one of them would be verified and another one read.")
        return sizes

    @property
    def names(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(self._sizes)

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes; None where there is none. Raises UnverifiableError where it is damaged or too large."""
        if name not in self._sizes:
            return None
        try:
            with self._zip.open(name) as file:
                content = file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
            raise UnverifiableError(
                f"{name} in the zip is damaged. Get the bundle again from where it was made."
            ) from None
        return _bounded(name, content, most)


class Below:
    """The files of another source below one of its folders."""

    def __init__(self, source: Source, folder: str) -> None:
        """Read below ``folder`` of ``source``."""
        self._source, self._folder = source, folder

    def read(self, name: str, most: int) -> bytes | None:
        """Return what the other one does."""
        return self._source.read(f"{self._folder}/{name}", most)


def _bounded(name: str, content: bytes, most: int) -> bytes:
    if len(content) > most:
        raise UnverifiableError(f"{name} has more than {most} bytes, which no such file has.")
    return content
