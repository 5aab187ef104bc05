"""What the troubles of every service mean to an escalation: on whose ladder each is raised, if it is. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from services.escalation.application.triggering import Triggered
from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.escalations import EscalationJoined
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

_OF_AN_EPISODE = re.compile(r"notification-(.+\.\d+)\.\d+", re.DOTALL)
"""The stream of a notification that an escalation asked for; the group is the id of the episode."""

_DIGITS = 40
"""Hexadecimal digits of an id that stands for something of any length: beyond coincidence."""

TROUBLES: tuple[type[Event], ...] = (RecordParked, DeadlineFailed, SelfCheckDiffered, ClockDiffered, OutageRecorded)
"""What is said of Lonewatch itself and may raise."""


def troubled_by(recorded: Recorded) -> Triggered | None:
    """Return what a trouble raises: on its visit, or without one on the operator's own ladder; None where it tells nobody.

    A record that waits behind another tells nobody, nor does an outage in which nothing fell due. A record of a trouble
    that cannot be applied tells nobody either, or telling of it could go on for ever. Raises TypeError for no trouble.
    """
    event_id = recorded.envelope.event_id
    match recorded.event:
        case RecordParked(behind=behind, record_type=name) if behind is not None or of_a_trouble(name):
            return None
        case RecordParked(service=service, record_stream_id=stream_id, position=position) as event:
            place = f"{stream_id}, position {position}"
            triggered = _troubled(_parked_once(event), Trouble(service=service, concern="record_parked"), place)
        case DeadlineFailed(service=service, deadline_stream_id=stream_id, kind=kind) as event:
            once = _unsent_once(stream_id) or event_id
            triggered = _troubled(once, Trouble(service=service, concern="deadline_failed"), f"{stream_id}, {kind}")
        case SelfCheckDiffered(service=service, place=place) as event:
            triggered = _troubled(event_id, Trouble(service=service, concern="self_check_differs"), place)
        case ClockDiffered(service=service, replica=replica):
            return _troubled(event_id, Trouble(service=service, concern="clock_differs"), replica)
        case OutageRecorded(overdue=0):
            return None
        case OutageRecorded(service=service, loop=loop, from_at=from_at, to_at=to_at):
            trouble = Trouble(service=service, concern="system_outage", from_at=from_at, to_at=to_at)
            return _troubled(event_id, trouble, loop)
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


def _parked_once(event: RecordParked) -> str:
    """Return the id under which a parked record raises: each consumer of its topic parks it, and it is one trouble.

    Of what joined an escalation one raises, or telling of each could go on for ever where nobody can be told.
    """
    if event.record_type == EscalationJoined.type:
        return _once("parked-joined", event.record_stream_id)
    return f"parked-{event.position}"


def _unsent_once(stream_id: str) -> str | None:
    """Return the id under which messages of an escalation that cannot be sent raise; None for any other deadline.

    One raises for a whole episode: telling of it asks for messages, and each of those may fail for the same reason.
    """
    found = _OF_AN_EPISODE.fullmatch(stream_id)
    return None if found is None else _once("unsent", found[1])


def _once(what: str, about: str) -> str:
    """Return an id that is the same for the same: what a broken record is called by may be no id itself."""
    digest = sha256(about.encode(errors="backslashreplace")).hexdigest()
    return f"{what}-{digest[:_DIGITS]}"


def _line(text: str) -> str:
    """Return a text as one line that fits a place: what a broken record is called by may be anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_PLACE].strip() or "?"


def _troubled(event_id: str, trouble: Trouble, place: str) -> Triggered:
    said = trouble.model_copy(update={"place": _line(place)})
    return Triggered("system", event_id, UNKNOWN_WORKER, OPERATOR_SITE, trouble=said)
