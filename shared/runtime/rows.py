"""A row as a follower takes it: of the log, or made from a record that came by a topic.

What came by a topic is followed where it is sound; it is never set aside. Whatever is doubtful of it, the log's own row
is read instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.contracts.envelope import Recorded, decode_by
from shared.contracts.topics import shard_of
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from shared.contracts.carried import Carried


class Row(Protocol):
    """A record and its columns, by name."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column."""


@dataclass(frozen=True)
class ByTopic:
    """A row that came by a topic: its columns are what the record says."""

    recorded: Recorded
    record: bytes

    def __getitem__(self, name: str, /) -> Any:
        """Return a column of the log's table."""
        return self.record if name == "record" else getattr(self.recorded.envelope, name)


def row_of(came: Carried) -> ByTopic | None:
    """Return the row of what came by a topic; nothing where it cannot be read or is not what its headers say."""
    try:
        recorded = decode_by(came.record, RELEASE)
    except Exception:  # noqa: BLE001 -- whatever the bytes are, the log is read instead
        return None
    envelope, place = recorded.envelope, came.place
    said = (came.topic, place.position, place.shard, place.incarnation, came.type, came.event_id, came.stream_id)
    found = (
        envelope.topic,
        envelope.position,
        envelope.shard,
        envelope.incarnation,
        envelope.type,
        envelope.event_id,
        envelope.stream_id,
    )
    if said != found or shard_of(envelope.visit_id or envelope.stream_id) != place.shard:
        return None
    return ByTopic(recorded, came.record)
