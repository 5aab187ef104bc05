"""What the troubles of every service mean to an escalation: on whose ladder each is raised, if it is. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.escalation.application.triggering import Triggered
from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.raised import raised_as
from shared.contracts.troubles import (
    UNKNOWN_WORKER,
    ClockDiffered,
    DeadlineFailed,
    OutageRecorded,
    RecordParked,
    SelfCheckDiffered,
    Trouble,
)

if TYPE_CHECKING:
    from shared.contracts.envelope import Recorded

LONGEST_PLACE = 200
"""Characters of a place, which is one line of a message."""

TROUBLES: tuple[type[Event], ...] = (RecordParked, DeadlineFailed, SelfCheckDiffered, ClockDiffered, OutageRecorded)
"""What is said of Lonewatch itself and may raise."""


def troubled_by(recorded: Recorded) -> Triggered | None:
    """Return what a trouble raises: on its visit, or without one on the operator's own ladder; None where it tells nobody.

    A record that waits behind another tells nobody, nor does an outage in which nothing fell due. A record of a trouble
    that cannot be applied tells nobody either, or telling of it could go on for ever. Raises TypeError for no trouble.
    """
    event_id = recorded.envelope.event_id
    once = raised_as(recorded.event, event_id)
    if once is None and isinstance(recorded.event, TROUBLES):
        return None
    once = once or event_id
    match recorded.event:
        case RecordParked(service=service, record_stream_id=stream_id, position=position) as event:
            place = f"{stream_id}, position {position}"
            triggered = _troubled(once, Trouble(service=service, concern="record_parked"), place)
        case DeadlineFailed(service=service, deadline_stream_id=stream_id, kind=kind) as event:
            triggered = _troubled(once, Trouble(service=service, concern="deadline_failed"), f"{stream_id}, {kind}")
        case SelfCheckDiffered(service=service, place=place) as event:
            triggered = _troubled(once, Trouble(service=service, concern="self_check_differs"), place)
        case ClockDiffered(service=service, replica=replica):
            return _troubled(once, Trouble(service=service, concern="clock_differs"), replica)
        case OutageRecorded(service=service, loop=loop, from_at=from_at, to_at=to_at):
            trouble = Trouble(service=service, concern="system_outage", from_at=from_at, to_at=to_at)
            return _troubled(once, trouble, loop)
        case other:
            message = f"{other.type} is no trouble"
            raise TypeError(message)
    if event.visit_id is None:
        return triggered
    return replace(triggered, trigger="trouble", visit_id=event.visit_id, site_id=event.site_id or triggered.site_id)


def as_system(triggered: Triggered) -> Triggered:
    """Return the trouble of a visit as one of Lonewatch itself, which names the stream on which it could not be raised."""
    trouble = triggered.trouble
    if trouble is not None:
        trouble = trouble.model_copy(update={"place": _line(f"{triggered.stream_id}: {trouble.place}")})
    return Triggered("system", triggered.event_id, UNKNOWN_WORKER, OPERATOR_SITE, trouble=trouble)


def of_a_trouble(record_type: str) -> bool:
    """Say whether a record is itself of a trouble."""
    return record_type.startswith("trouble.")


def _line(text: str) -> str:
    """Return a text as one line that fits a place: what a broken record is called by may be anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_PLACE].strip() or "?"


def _troubled(event_id: str, trouble: Trouble, place: str) -> Triggered:
    said = trouble.model_copy(update={"place": _line(place)})
    return Triggered("system", event_id, UNKNOWN_WORKER, OPERATOR_SITE, trouble=said)
