"""A history as the log would give it, from events and the instants at which they were recorded. Appends nothing.

``history_of(happened(T0, planned, by="sue"), happened(T0 + MINUTE, started, by="walt"))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.base import Event, stream_of
from shared.contracts.envelope import Envelope, Recorded
from shared.contracts.topics import STREAM_KINDS, shard_of


@dataclass(frozen=True)
class Happened:
    """An event, when it was recorded, by whom, and what its sender says of the time."""

    recorded_at: datetime
    event: Event
    by: str
    says_at: datetime | None = None
    event_id: str | None = None


def happened(
    recorded_at: datetime,
    event: Event,
    *,
    by: str = "system:test",
    says_at: datetime | None = None,
    event_id: str | None = None,
) -> Happened:
    """Return one entry of a history."""
    return Happened(recorded_at, event, by, says_at, event_id)


def history_of(*entries: Happened, subject_id: str = "visit1", visit_id: str | None = "visit1") -> list[Recorded]:
    """Return the entries as records, at the positions from 1 on."""
    versions: dict[str, int] = {}
    history = []
    for position, entry in enumerate(entries, start=1):
        stream_id = _stream_of(entry.event, subject_id)
        versions[stream_id] = versions.get(stream_id, 0) + 1
        envelope = Envelope(
            incarnation="test",
            position=position,
            recorded_at=entry.recorded_at,
            event_id=entry.event_id or f"event{position}",
            type=entry.event.type,
            topic=STREAM_KINDS[stream_id.partition("-")[0]],
            shard=shard_of(visit_id or stream_id),
            stream_id=stream_id,
            version=versions[stream_id],
            visit_id=visit_id,
            site_id=None,
            correlation_id="test",
            causation_id=None,
            actor=entry.by,
            release="0.1.0",
            occurred_at=entry.says_at or entry.recorded_at,
            data=entry.event.model_dump(mode="json"),
            salt="",
        )
        history.append(Recorded(envelope, entry.event))
    return history


def _stream_of(event: Event, subject_id: str) -> str:
    """Return the stream of an event: a type begins with the kind of its stream, but for a few."""
    kind = event.type.partition(".")[0]
    kind = {"trouble": f"{getattr(event, 'service', 'checkin')}_trouble", "operator": "policy"}.get(kind, kind)
    return stream_of(kind, getattr(event, "notification_id", subject_id) if kind == "notification" else subject_id)
