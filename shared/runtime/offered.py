"""What came by topics and has not been applied yet: a queue for each consumer, topic and shard.

Memory only, bounded, and free to forget: whatever is not here is read from the log. Knows no database and no clock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.runtime.rows import ByTopic, row_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.contracts.carried import Carried
    from shared.runtime.tries import Key

MOST_RECORDS = 500
"""Records kept for one shard of one consumer: two pages and a half; whoever is further behind reads the log."""

MOST_BYTES = 4 * 1024 * 1024
"""Bytes kept for one shard of one consumer: sixteen of the largest records."""

MOST_BYTES_ALL = 64 * 1024 * 1024
"""Bytes kept in all, a record counted once for each consumer: more than every shard holds on a bad day."""


@dataclass
class _Queue:
    """The records of one key, by position, none twice."""

    records: list[Carried] = field(default_factory=list)
    size: int = 0


class Offered:
    """Keeps records until they are applied, and hands them out where they follow what has been applied."""

    def __init__(self) -> None:
        self._queues: dict[Key, _Queue] = {}
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return self._size >= MOST_BYTES_ALL

    def add(self, key: Key, came: Carried) -> bool:
        """Keep a record, unless it is here or there is no room; say whether it was kept."""
        queue = self._queues.get(key) or _Queue()
        size = len(came.record)
        at = bisect_left(queue.records, came.place.position, key=_position)
        here = at < len(queue.records) and queue.records[at].place.position == came.place.position
        no_room = self.full or len(queue.records) >= MOST_RECORDS or queue.size + size > MOST_BYTES
        if here or no_room:
            return False
        queue.records.insert(at, came)
        queue.size += size
        self._size += size
        self._queues[key] = queue
        return True

    def held(self) -> Collection[Key]:
        """Return the keys that have records."""
        return tuple(self._queues)

    def holds(self, key: Key, types: Collection[str] | None = None) -> bool:
        """Say whether there are records of a key, of one of these types where types are given."""
        queue = self._queues.get(key)
        return queue is not None and (types is None or any(came.type in types for came in queue.records))

    def newest(self, key: Key) -> int:
        """Return the position of the newest record of a key; 0 where there is none."""
        return self._queues[key].records[-1].place.position if key in self._queues else 0

    def chains(self, key: Key, applied: int) -> bool:
        """Say whether the next record after ``applied`` is here, as far as headers say."""
        self.drop(key, applied)
        return key in self._queues and self._queues[key].records[0].place.predecessor <= applied

    def take(self, key: Key, applied: int, most: int) -> list[ByTopic]:
        """Return up to ``most`` rows that follow ``applied`` without a gap, in order. They stay until they are dropped.

        No row where the next one is missing or is not sound: while ``holds`` says that there are others, that is a gap.
        """
        self.drop(key, applied)
        run: list[ByTopic] = []
        for came in self._queues.get(key, _Queue()).records[:most]:
            row = row_of(came) if came.place.predecessor <= applied else None
            if row is None:
                break
            run.append(row)
            applied = came.place.position
        return run

    def drop(self, key: Key, applied: int) -> None:
        """Forget the records of a key up to a position."""
        if queue := self._queues.get(key):
            at = bisect_right(queue.records, applied, key=_position)
            size = sum(len(came.record) for came in queue.records[:at])
            del queue.records[:at]
            queue.size -= size
            self._size -= size
            if not queue.records:
                del self._queues[key]

    def forget(self, key: Key) -> None:
        """Forget all records of a key: the log is read instead."""
        if queue := self._queues.pop(key, None):
            self._size -= queue.size


def _position(came: Carried) -> int:
    return came.place.position
