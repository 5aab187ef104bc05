"""Sentences about Lonewatch itself: what it could not do, and when it was away. So plain that nobody has to ask us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.audit.domain.words import clock, person, plain, span
from shared.contracts import troubles
from shared.contracts.base import Event
from shared.contracts.troubles import Trouble

_CONCERNS: Mapping[str, str] = {
    "record_parked": "a record could not be taken in and was set aside",
    "deadline_failed": "something that was due could not be done",
    "clock_differs": "the clock of a machine and the log's differ",
    "system_outage": "Lonewatch itself was not at work",
    "self_check_differs": "two of Lonewatch's own accounts of one thing differ",
    "nobody_reached": "nobody could be told",
}
"""What a trouble is about, in words."""

_LATE: Mapping[str, str] = {
    "system_outage": (
        "Lonewatch itself was not at work when it fell due, so it does not show by itself that the worker was silent"
    ),
    "nobody_looked_in_time": "nobody looked in time, which was Lonewatch's doing and not the worker's",
}
"""Why something was recorded later than promised, in words."""


def late_words(late: str | None) -> str:
    """Return how a sentence goes on about something that was recorded late; nothing where it was in time."""
    return f"; recorded late: {_LATE.get(late, plain(late))}" if late else ""


def concern(trouble: Trouble | None) -> str:
    """Return how a sentence goes on about a trouble; nothing where there is none."""
    return f": {_CONCERNS[trouble.concern]}, in {trouble.service}" if trouble else ""


def of_trouble(event: Event, near: datetime) -> str | None:
    """Return the sentence of an event of a trouble stream."""
    return _of_records(event) or _of_deadlines(event, near) or _of_itself(event, near)


def _of_records(event: Event) -> str | None:
    match event:
        case troubles.RecordParked(behind=None) as parked:
            what = f"record #{parked.position} ({parked.record_type}) could not be taken in by {parked.consumer}"
            return (
                f"{what} and was set aside ({plain(parked.reason)}); it has had no effect there, and somebody is told."
            )
        case troubles.RecordParked() as parked:
            what = f"record #{parked.position} ({parked.record_type}) waits in {parked.consumer}"
            return f"{what}, since one before it ({parked.behind}) was set aside; it has had no effect there yet."
        case troubles.RecordMended(parked_id=parked_id, by=by):
            return f"{person(by)} gave the data that the record set aside as {parked_id} should have had."
        case troubles.RecordReplayed(parked_id=parked_id, by=by):
            return f"{person(by)} had the record set aside as {parked_id} taken in: it has had its effect now."
        case troubles.RecordDiscarded(parked_id=parked_id, by=by, reason=reason):
            return (
                f"{person(by)} decided that the record set aside as {parked_id} is to have no effect: {plain(reason)}."
            )
        case _:
            return None


def _of_deadlines(event: Event, near: datetime) -> str | None:
    match event:
        case troubles.DeadlineFailed(service=service, kind=kind, due_at=due_at) as failed:
            what = f"what was due at {clock(due_at, near)} in {service} ({plain(kind)}) could not be done"
            return f"{what} in three tries ({plain(failed.reason)}); it is tried again, and somebody is told."
        case troubles.DeadlineRecovered(service=service, kind=kind):
            return f"what could not be done in {service} ({plain(kind)}) has been done now."
        case _:
            return None


def _of_itself(event: Event, near: datetime) -> str | None:
    match event:
        case troubles.ClockDiffered(service=service, replica=replica, seconds=seconds):
            way = "ahead of" if seconds > 0 else "behind"
            told = f"the clock of {service} {replica} was {abs(seconds):.1f} s {way} the log's"
            return f"{told}; the log's goes on to decide everything."
        case troubles.ClockAgreed(service=service, replica=replica):
            return f"the clock of {service} {replica} agrees with the log's again."
        case troubles.OutageRecorded(service=service, from_at=from_at, to_at=to_at, overdue=overdue):
            when = f"from {clock(from_at, near)} to {clock(to_at, near)} ({span(to_at - from_at)})"
            fell = (
                "nothing fell due in it"
                if overdue == 0
                else f"{overdue} things fell due in it and were done afterwards"
            )
            return f"{service} was not at work {when}: {fell}."
        case troubles.SelfCheckDiffered(service=service, check=check, place=place) as differed:
            mended = "it was put right" if differed.mended else "it was not put right"
            return (
                f"{service} checked itself ({plain(check)}) and found a difference at {place}: "
                f"expected {differed.expected}, found {differed.found}; {mended}."
            )
        case _:
            return None
