"""What is wrong and not settled yet, over all services, as their trouble streams say: read once, and then what is new.

Keeps a fold of events in memory and writes nothing. A trouble record that nothing can read counts until it is parked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.contracts.envelope import Undecodable, decode
from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.contracts.troubles import (
    ClockAgreed,
    ClockDiffered,
    DeadlineFailed,
    DeadlineRecovered,
    RecordDiscarded,
    RecordParked,
    RecordReplayed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Record

    from shared.contracts.base import Event
    from shared.runtime.postgres import Pool

PAGE = 1000
"""Records read at a time."""

TROUBLE = "trouble."
"""What the types of troubles begin with. One of them that is parked is told to nobody, so that nothing goes in circles."""

# What services said of their troubles after a position. Uses event_trouble (position), where type is LIKE 'trouble.%'.
TROUBLES = """
SELECT position, topic, record FROM log.event
WHERE topic = ANY ($1) AND type LIKE 'trouble.%' AND position > $2 ORDER BY position LIMIT $3
"""


@dataclass
class Unsettled:
    """The parked records, the deadlines that fail and the clocks that differ, of all services."""

    pool: Pool
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """Whoever asks while somebody reads waits: one page must not be taken after the next."""
    _after: int = 0
    _parked: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Parked id to the service, and whether it means that somebody may not have been told."""
    _failing: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _differing: set[tuple[str, str]] = field(default_factory=set)
    _unreadable: dict[int, str] = field(default_factory=dict)
    """Position of a trouble that nothing can read, to the service that wrote it; until somebody parks it."""

    async def refresh(self) -> None:
        """Read what is new. Raises what is in LOST."""
        async with self._reading:
            rows = await self._page()
            while rows:
                for row in rows:
                    self._take(row)
                self._after = rows[-1]["position"]
                rows = await self._page() if len(rows) == PAGE else []

    async def _page(self) -> list[Record]:
        return await self.pool.fetch(TROUBLES, list(_SERVICES), self._after, PAGE)

    def _take(self, row: Record) -> None:
        service = _SERVICES[row["topic"]]
        try:
            event = decode(row["record"]).event
        except Undecodable:
            self._unreadable[row["position"]] = service
            return
        self._evolve(event, service)

    def _evolve(self, event: Event, service: str) -> None:
        match event:
            case RecordParked():
                self._parked[event.parked_id] = (service, _is_untold(event))
                self._unreadable.pop(event.position, None)
            case RecordReplayed(parked_id=parked_id) | RecordDiscarded(parked_id=parked_id):
                self._parked.pop(parked_id, None)
            case DeadlineFailed(deadline_stream_id=stream_id, kind=kind, subject=subject):
                self._failing[stream_id, kind, subject] = service
            case DeadlineRecovered(deadline_stream_id=stream_id, kind=kind, subject=subject):
                self._failing.pop((stream_id, kind, subject), None)
            case ClockDiffered(replica=replica):
                self._differing.add((service, replica))
            case ClockAgreed(replica=replica):
                self._differing.discard((service, replica))
            case _:
                pass  # an outage is over when it is said, and so is what a self-check put right

    @property
    def troubles_parked(self) -> int:
        """How many trouble records are parked or cannot be read: nobody but the outside is told of them."""
        return sum(is_trouble for _, is_trouble in self._parked.values()) + len(self._unreadable)

    def of(self, service: str) -> Mapping[str, int]:
        """Return how much of one service is not settled, by what it is."""
        return {
            "parked": sum(of == service for of, _ in self._parked.values()),
            "failing_deadlines": sum(of == service for of in self._failing.values()),
            "differing_clocks": sum(of == service for of, _ in self._differing),
            "unreadable_troubles": sum(of == service for of in self._unreadable.values()),
        }


_SERVICES = {topic: service for service, topic in TOPIC_OF_SERVICE.items()}


def _is_untold(parked: RecordParked) -> bool:
    """Say whether nobody is told because of it: a trouble itself, or what notifier should have told people."""
    asked = parked.service == "notifier" and parked.record_stream_id.startswith("escalation-")
    return asked or parked.record_type.startswith(TROUBLE)
