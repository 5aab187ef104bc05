"""The envelope: what surrounds the data of every event, and how a record is composed and read.

A record is the exact bytes of one event: what the log puts first (incarnation, position, recorded_at) and the members
that the caller composed here. It is composed once and never serialised again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared.contracts import audits, escalations, notifications, visits
from shared.contracts.base import Contract, Event, Id, Instant

if TYPE_CHECKING:
    from datetime import datetime

EVENT_TYPES: dict[str, type[Event]] = {
    event.type: event for owner in (visits, escalations, notifications, audits) for event in owner.EVENTS
}
"""Every type on the wire and its class."""


class Envelope(Contract):
    """One event as it stands in the log. ``occurred_at`` is a claim; ``recorded_at`` is the log's."""

    incarnation: str
    position: int
    recorded_at: Instant
    event_id: Id
    type: str
    topic: str
    shard: int
    stream_id: str
    version: int
    visit_id: Id | None
    site_id: Id | None
    correlation_id: str
    causation_id: str | None
    actor: str
    release: str
    occurred_at: Instant
    data: dict[str, Any]
    salt: str


@dataclass(frozen=True)
class Recorded:
    """An event that happened, with its envelope."""

    envelope: Envelope
    event: Event

    @property
    def position(self) -> int:
        """Its place in the log."""
        return self.envelope.position

    @property
    def recorded_at(self) -> datetime:
        """When the log recorded it."""
        return self.envelope.recorded_at


class Undecodable(ValueError):  # noqa: N818 -- says what the record is
    """A record cannot be read: not JSON, not an envelope, a type not known to this release, or data of another shape."""


def decode(record: bytes) -> Recorded:
    """Read a record. Raises Undecodable, whose text names the place and never shows the data."""
    try:
        envelope = Envelope.model_validate_json(record)
    except ValidationError as error:
        raise Undecodable(_places("envelope", error)) from None
    event_type = EVENT_TYPES.get(envelope.type)
    if event_type is None:
        message = f"type {envelope.type[:80]!r} at position {envelope.position} is not known to this release"
        raise Undecodable(message)
    try:
        return Recorded(envelope, event_type.model_validate(envelope.data))
    except ValidationError as error:
        raise Undecodable(_places(f"{envelope.type} at position {envelope.position}", error)) from None


def _places(what: str, error: ValidationError) -> str:
    """Name what is wrong where, without the values: they may be personal."""
    places = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'whole'}: {item['type']}" for item in error.errors())
    return f"{what}: {places}"
