"""Read one row of the log as a follower does: its record must be sound and must be the record of its row.

What nothing can read is told apart by codes, with the place and never with what stands there. Decides nothing about it.
"""

from __future__ import annotations

import re
import traceback
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from shared.contracts.envelope import EVENT_TYPES, Envelope, Newer, Recorded, Undecodable, decode_by
from shared.contracts.troubles import RecordParked
from shared.runtime.settings import RELEASE
from shared.runtime.troubles import is_id, visit_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.rows import Row

COLUMNS = ("position", "stream_id", "type", "visit_id", "site_id", "event_id")
"""What stands beside the record in its row and must stand in it too: nobody acts on a record that is not its row."""

_NOT_COLUMNS = ("incarnation", "data", "salt")
"""Members of an envelope that stand in the record alone."""

# The next records of a shard, oldest first, and when they were read. Uses event_topic_shard (topic, shard, position).
NEXT = """
SELECT *, log.now() AS read_at FROM log.event
WHERE topic = $1 AND shard = $2 AND position > $3 ORDER BY position LIMIT $4
"""

_LONGEST_DETAIL = 300
"""Characters of a detail: enough for the places of a few mistakes."""

_PLACES = 3
"""Innermost places of an error that are named: where it arose, and who called."""

_MISTAKES = 5
"""Mistakes that are named: the first ones tell enough."""

_MEMBER = re.compile(r"[a-z][a-z_]{0,39}")
"""How members of our contracts are written."""

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


class Unreadable(Exception):  # noqa: N818 -- says what the record is
    """A record cannot be read, or must not be acted on: a code, and the place."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = _NOT_PLAIN.sub("?", detail)[:_LONGEST_DETAIL]


def read(row: Row) -> Recorded:
    """Return what a row of the log says. Raises Newer for what a later release wrote, else Unreadable, whatever it holds."""
    try:
        recorded = decode_by(row["record"], RELEASE)
    except Newer:
        raise
    except Undecodable:
        raise _what_is_wrong(row["record"]) from None
    except Exception as error:  # noqa: BLE001 -- no bytes may end the task that follows the log
        raise Unreadable("not_an_envelope", type(error).__name__) from None
    differing = [name for name in COLUMNS if getattr(recorded.envelope, name) != row[name]]
    if differing:
        raise Unreadable("columns_differ", ", ".join(differing))
    return recorded


def mended(row: Row, data: Mapping[str, Any]) -> Recorded:
    """Return a row's event with the data that somebody gave it; what surrounds it is the log's own.

    Raises Unreadable for a type that this release does not know, or data that is not of its shape.
    """
    event_type = EVENT_TYPES.get(row["type"])
    if event_type is None:
        raise Unreadable("unknown_type", "type")
    try:
        event = event_type.model_validate(data)
    except ValidationError as error:
        raise Unreadable("data_of_another_shape", _places(error)) from None
    whose = getattr(event, "visit_id", None)
    if whose is not None and whose != row["visit_id"]:
        raise Unreadable("data_of_another_visit", "visit_id: of another visit than the record's")
    members = {name: row[name] for name in Envelope.model_fields if name not in _NOT_COLUMNS}
    return Recorded(Envelope.model_construct(**members, incarnation="", data=dict(data), salt=""), event)


def _what_is_wrong(record: bytes) -> Unreadable:
    """Tell apart why a record cannot be decoded."""
    try:
        found = from_json(record)
    except ValueError:
        return Unreadable("not_json")
    try:
        envelope = Envelope.model_validate_json(record)
    except ValidationError as error:
        places = _places(error) if isinstance(found, dict) else "whole"
        return Unreadable("not_an_envelope", places)
    event_type = EVENT_TYPES.get(envelope.type)
    if event_type is None:
        return Unreadable("unknown_type", "type")
    try:
        event_type.model_validate(envelope.data)
    except ValidationError as error:
        return Unreadable("data_of_another_shape", _places(error))
    return Unreadable("not_an_envelope")


def _places(error: ValidationError) -> str:
    """Name what is wrong where. A member is named only where it could be one of ours: keys too may be personal."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:_MISTAKES]
    return "; ".join(f"{'.'.join(map(_member, item['loc'])) or 'whole'}: {item['type']}" for item in found)


def _member(part: int | str) -> str:
    return str(part) if isinstance(part, int) or _MEMBER.fullmatch(part) else "?"


def failed(error: Exception) -> Unreadable:
    """Return what a handler's error says of its record: which error, where; never its text, which may hold data."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    at = ", ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames)
    return Unreadable("handler_failed", f"{type(error).__name__} at {at}")


def parked_id_of(consumer: str, position: int) -> str:
    """Return the id under which a consumer's parked record is known."""
    return f"{consumer.replace(':', '_')}.{position}"


def parked(service: str, consumer: str, row: Row, why: Unreadable, behind: str | None = None) -> RecordParked:
    """Return the fact that a row is set aside, and why. It goes by the row: the record may say anything."""
    return RecordParked(
        service=service,
        parked_id=parked_id_of(consumer, row["position"]),
        consumer=consumer,
        topic=row["topic"],
        shard=row["shard"],
        position=row["position"],
        record_type=row["type"],
        record_stream_id=row["stream_id"],
        visit_id=visit_id_of(row),
        site_id=row["site_id"] if is_id(row["site_id"]) else None,
        reason=why.reason,
        detail=why.detail,
        sha256=sha256(row["record"]).hexdigest(),
        behind=behind,
    )
