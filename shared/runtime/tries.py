"""How often a shard's consumer has failed at the record where it stands, as one process remembers it.

Decides nothing about any record: that is whoever asks. A process that ends forgets, and the next one counts from none.
"""

from __future__ import annotations

from shared.runtime.clock import monotonic

SPENT_FOR = 5.0
"""Seconds after a failing record was parked in which the next one of its shard is parked at its first failure: the others
in that shard have waited for three tries already, and a fault in one handler meets many records in a row."""

ALONE_FOR = 60.0
"""Seconds after such a wait was in vain in which no other record waits: one after another they would hold a shard up."""

Key = tuple[str, str, int]
"""A consumer, a topic and a shard: what moves by itself."""


class Tries:
    """Remembers how often, and for how long, the record at which each shard stands has failed in this process."""

    def __init__(self) -> None:
        self._at: dict[Key, tuple[int, int, float]] = {}
        self._parked: dict[Key, float] = {}
        self._alone: dict[str, float] = {}

    def again(self, key: Key, position: int) -> tuple[int, float]:
        """Count one more failure at a position; return how many there were, and the seconds since the first."""
        known, count, since = self._at.get(key, (position, 0, monotonic()))
        if known != position:
            count, since = 0, monotonic()
        self._at[key] = (position, count + 1, since)
        return count + 1, monotonic() - since

    def forget(self, key: Key) -> None:
        """Forget a shard that has moved on."""
        self._at.pop(key, None)

    def standing(self, key: Key) -> int | None:
        """Return the position at which a shard failed last; None where no record is known to be at fault."""
        return self._at[key][0] if key in self._at else None

    def park(self, key: Key) -> None:
        """Remember that a record of this shard was parked because its handler failed."""
        self._parked[key] = monotonic()

    def most(self, key: Key, most: int) -> int:
        """Return how often a record of this shard may fail now, where it may ``most`` times otherwise."""
        return 1 if monotonic() - self._parked.get(key, -SPENT_FOR) < SPENT_FOR else most

    def waited_alone(self, consumer: str) -> None:
        """Remember that a consumer waited for a newer replica, and that none came."""
        self._alone[consumer] = monotonic()

    def alone(self, consumer: str) -> bool:
        """Say whether no newer replica came lately."""
        return monotonic() - self._alone.get(consumer, -ALONE_FOR) < ALONE_FOR
