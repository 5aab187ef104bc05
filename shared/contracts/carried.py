"""A record on its way through Kafka: what its headers say of it. CloudEvents 1.0, binary mode.

The value is the record's bytes as the log holds them. Publishes and follows nothing, and judges no record: whoever
applies one compares what it says with these headers.

Source: CloudEvents 1.0.2 and its Kafka protocol binding; ``partitionkey`` is CloudEvents' partitioning extension.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts.topics import SHARDS

Headers = list[tuple[str, bytes]]

_LARGEST = 2**63 - 1
"""Positions are PostgreSQL's bigint."""


class NotCarried(ValueError):  # noqa: N818 -- says what the message is
    """A message on a topic is not a record of ours: a header is missing or is not what it must be. Names the header."""


@dataclass(frozen=True)
class Place:
    """Where a record stands: in the log, in its shard, and behind which other."""

    position: int
    shard: int
    incarnation: str
    """Of the log: after a restore it is another one, and records of the old one are not followed."""
    predecessor: int
    """Position of the record before it on the same topic and shard; 0 where there is none."""


@dataclass(frozen=True)
class Carried:
    """A record as it came by a topic."""

    topic: str
    place: Place
    type: str
    event_id: str
    stream_id: str
    record: bytes


def headers_of(
    place: Place, event_id: str, type_: str, stream_id: str, recorded_at: str, owner: str, key: str
) -> Headers:
    """Return the headers of a record. ``recorded_at`` is RFC 3339 as in the record, ``owner`` the publishing service."""
    said = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": f"/lonewatch/{place.incarnation}/{owner}",
        "ce_type": type_,
        "ce_subject": stream_id,
        "ce_time": recorded_at,
        "ce_partitionkey": key,
        "ce_position": str(place.position),
        "ce_shard": str(place.shard),
        "ce_incarnation": place.incarnation,
        "ce_predecessor": str(place.predecessor),
    }
    return [(name, value.encode()) for name, value in said.items()]


def read(topic: str, headers: Iterable[tuple[str, bytes]], record: bytes) -> Carried:
    """Return what came by a topic. Raises NotCarried for what is no record of ours; headers unknown to us are passed over."""
    said = dict(headers)
    shard = _number(said, "ce_shard", SHARDS - 1)
    position = _number(said, "ce_position", _LARGEST)
    place = Place(
        position=position,
        shard=shard,
        incarnation=_text(said, "ce_incarnation"),
        predecessor=_number(said, "ce_predecessor", position - 1),
    )
    return Carried(topic, place, _text(said, "ce_type"), _text(said, "ce_id"), _text(said, "ce_subject"), record)


def _text(said: dict[str, bytes], name: str) -> str:
    try:
        return said[name].decode()
    except (KeyError, AttributeError, UnicodeDecodeError):  # Kafka knows headers without a value, too
        raise NotCarried(name) from None


def _number(said: dict[str, bytes], name: str, most: int) -> int:
    text = _text(said, name)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST)) and int(text) <= most):
        raise NotCarried(name)
    return int(text)
