"""On which line of a policy file each key stands. tomllib reads the file and keeps no lines, so this looks for them.

For TOML that tomllib has read, and only that: it looks where keys and entries begin and judges nothing. What it does not
understand it passes over, and whoever asks for a line gets that of the table around it.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
"""What may stand between two entries of an array, or two lines: blanks, line feeds, comments."""

_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
"""One part of a key, bare or quoted."""

_STRING = re.compile(r'''"""(?:[^\\]|\\[\s\S])*?"{3,5}|\'{3}[\s\S]*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'''')
"""A string of any of the four kinds. Two quotes more than end one belong to it."""

_PLAIN = re.compile(r"[^,\]}\n#]*")
"""A number, a date or a truth: all up to what ends a value."""


def lines_of(text: str) -> dict[str, int]:
    """Return the line of each key path of a TOML document, from 1. Entries of arrays count from 1 in the paths."""
    scan = _Scan(text.replace("\r\n", "\n"))
    with suppress(RecursionError):  # nested deeper than any policy: what is inside has the line of what is around it
        scan.go_through()
    return scan.found


def line_of(lines: dict[str, int], path: str) -> int:
    """Return the line of a key path, or where it has none, of what is around it; 1 for the file itself."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 1)


class _Scan:
    """One reading of a document, from its first character to its last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[str, int] = {}
        self.arrays: dict[str, int] = {}
        """How many tables each array of tables has so far."""
        self.counted = (0, 1)
        """A place that was asked for last, and its line."""

    def go_through(self) -> None:
        table = ""
        while self._over(_BLANK) is not None and self.at < len(self.text):
            before = self.at
            if self._next("["):
                table = self._header(repeated=self._next("["))
            else:
                self._pair(table)
            if self.at == before:
                return  # nothing that a key can begin with: tomllib has refused this

    def _header(self, *, repeated: bool) -> str:
        line, path, keys = self._line(), "", self._keys()
        for place, key in enumerate(keys, start=1):
            path = f"{path}.{key}".lstrip(".") if path else key
            last = place == len(keys)
            if last and repeated:
                self.arrays[path] = self.arrays.get(path, 0) + 1
            if not last or repeated:
                self.found.setdefault(path, line)
            if path in self.arrays:
                path = f"{path}[{self.arrays[path]}]"
            self.found.setdefault(path, line)
        while self._next("]"):
            pass
        return path

    def _pair(self, table: str) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = f"{path}.{key}" if path else key
            self.found.setdefault(path, line)
        if self._next("="):
            self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while key := self._over(_KEY):
            keys.append(_plain_key(key.strip()))
            if not self._next("."):
                break
        return keys

    def _value(self, path: str) -> None:
        self._over(_BLANK)
        if self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline(path)
        elif self._over(_STRING) is None:
            self._over(_PLAIN)

    def _array(self, path: str) -> None:
        number = 0
        while self._over(_BLANK) is not None and self.at < len(self.text) and not self._next("]"):
            number += 1
            self.found.setdefault(f"{path}[{number}]", self._line())
            self._value(f"{path}[{number}]")
            self._over(_BLANK)
            if not self._next(",") and self.text[self.at : self.at + 1] != "]":
                return

    def _inline(self, path: str) -> None:
        while self._over(_BLANK) is not None and self.at < len(self.text) and not self._next("}"):
            self._pair(path)
            self._over(_BLANK)
            if not self._next(",") and self.text[self.at : self.at + 1] != "}":
                return

    def _next(self, sign: str) -> bool:
        """Say whether this character stands here, and go past it."""
        here = self.text.startswith(sign, self.at)
        self.at += here
        return here

    def _over(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _line(self) -> int:
        place, line = self.counted
        self.counted = (self.at, line + self.text.count("\n", place, self.at))
        return self.counted[1]


def _plain_key(key: str) -> str:
    if key[0] in "\"'":
        return str(tomllib.loads(f"key = {key}")["key"])
    return key
