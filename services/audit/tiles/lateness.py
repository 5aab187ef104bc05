"""Say whether the tree is late: for how long records have waited that no published checkpoint covers. Reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

LATE_AFTER = 10.0
"""Seconds that a record may wait for a published checkpoint: what is promised of the tree."""

AGAIN_AFTER = 600.0
"""Seconds after which it is said again that the tree is late."""


@dataclass
class Lateness:
    """Follows one position of the log until the tree covers it, then the next that it does not.

    Measured by this process's own clock, so that a clock that is moved tells nobody. What was there before the process
    began may take longer, as long as the tree grows.
    """

    _position: int = 0
    _since: float = 0.0
    _size: int = 0
    _first_head: int | None = None

    def look(self, head: int, size: int, now: float) -> int | None:
        """Return for the how-many-th time it has to be said, from 0; None while nothing is late."""
        if self._first_head is None:
            self._first_head = head
        grew, self._size = size > self._size, size
        if head <= size:
            self._position = 0
            return None
        if self._position <= size or (grew and self._position <= self._first_head):
            self._position, self._since = head if self._position <= size else self._position, now
        waited = now - self._since
        return int(waited // AGAIN_AFTER) if waited >= LATE_AFTER else None
