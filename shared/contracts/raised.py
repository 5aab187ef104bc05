"""Under which id a trouble of Lonewatch itself raises an escalation, if it does: several services tell of one trouble.

Whoever raises goes by it, and whoever looks whether something was raised. No history, no clock.
"""

from __future__ import annotations

import re
from hashlib import sha256

from shared.contracts.base import Event
from shared.contracts.escalations import EscalationJoined
from shared.contracts.troubles import ClockDiffered, DeadlineFailed, OutageRecorded, RecordParked, SelfCheckDiffered

_OF_AN_EPISODE = re.compile(r"notification-(.+\.\d+)\.\d+", re.DOTALL)
"""The stream of a notification that an escalation asked for; the group is the id of the episode."""

_DIGITS = 40
"""Hexadecimal digits of an id that stands for something of any length: beyond coincidence."""


def raised_as(event: Event, event_id: str) -> str | None:
    """Return the id under which a trouble raises; None where it tells nobody, and for any other event.

    A record that waits behind another tells nobody, nor does an outage in which nothing fell due. A record of a trouble
    that cannot be applied tells nobody either, or telling of it could go on for ever.
    """
    match event:
        case RecordParked(behind=str()) | OutageRecorded(overdue=0):
            return None
        case RecordParked(record_type=name) as parked:
            return None if name.startswith("trouble.") else _parked_once(parked)
        case DeadlineFailed(deadline_stream_id=stream_id):
            return _unsent_once(stream_id) or event_id
        case SelfCheckDiffered() | ClockDiffered() | OutageRecorded():
            return event_id
        case _:
            return None


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
