"""The envelope: what surrounds the data of every event, and how a record is composed and read.

A record is the exact bytes of one event: what the log puts first (incarnation, position, recorded_at) and the members
that the caller composed here. It is composed once and never serialised again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from shared.contracts import audits, escalations, notifications, troubles, visits
from shared.contracts.base import Contract, Event, Id, Instant

if TYPE_CHECKING:
    from datetime import datetime

EVENT_TYPES: dict[str, type[Event]] = {
    event.type: event for owner in (visits, escalations, notifications, audits, troubles) for event in owner.EVENTS
}
"""Every type on the wire and its class."""


_RELEASE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
"""How releases are written. A record may say anything here, and no number in it may cost time or fail."""


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


class Newer(Undecodable):
    """A record cannot be read, and a release after this one wrote it: that one can."""


def release_of(text: str) -> tuple[int, ...]:
    """Return a release as numbers that can be compared; what is no release is before all others."""
    return tuple(map(int, text.split("."))) if _RELEASE.fullmatch(text) else ()


def decode_by(record: bytes, release: str) -> Recorded:
    """Read a record as a program of this release does. Raises Newer for what a later one wrote, else Undecodable."""
    try:
        return decode(record)
    except Undecodable as error:
        written_by = _release_in(record)
        if release_of(written_by) > release_of(release):
            raise Newer(f"{error}; written by release {written_by[:20]}") from None
        raise


def _release_in(record: bytes) -> str:
    """Return what a record says of its release, whatever else is wrong with it."""
    try:
        found = from_json(record)
    except ValueError:
        return ""
    release = found.get("release") if isinstance(found, dict) else None
    return release if isinstance(release, str) else ""


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
