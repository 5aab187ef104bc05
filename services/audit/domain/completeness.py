"""Each expected thing has exactly one recorded end, or is open and not past its time. Says of a history what breaks that.

Two accounts that know nothing of each other are held together: the ledger, which a timeline is made of, says what began
and which event ended it; the tables here say which types of event may end what, with which outcome, and which of them
cannot come unless something was open. No clock, no database, no names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from services.audit.domain.expectations import ledger_of
from services.audit.domain.frozen import frozen_in
from services.audit.domain.ledger import PROMPT, Expected, Ledger, Loose
from services.audit.domain.own import Unreadable
from shared.contracts import awaited, escalations, notifications, tasks, troubles, visits
from shared.contracts.base import Event
from shared.contracts.envelope import Recorded

Kind = Literal[
    "ended_twice", "ended_by_nothing", "never_ended", "without_beginning", "too_early", "another", "unreadable"
]
"""How completeness is broken: an end of what had ended, an end that no rule allows, none although its time is over, an end
of what never began, an end as missed before its time, an end that names another time, a record that nobody can read."""

_OPENS = (escalations.EscalationOpened, escalations.EscalationJoined)
_ENDS_IT = (escalations.EscalationResolved, escalations.EscalationStoodDown, escalations.EscalationLapsed)
_STOPS = (escalations.EscalationAcknowledged, escalations.EscalationJoined, *_ENDS_IT)
_GOES_ON = (escalations.StepStarted, escalations.EscalationExhausted)

_MET = frozenset({"met", "met_late"})
_MISSED = frozenset({"missed"})
_WITHDRAWN = frozenset({"withdrawn"})

Ends = Mapping[type[Event], frozenset[str]]
"""By the type of an event that may end a thing: what may then have become of it."""


def _by(outcomes: frozenset[str], *types: type[Event]) -> dict[type[Event], frozenset[str]]:
    return dict.fromkeys(types, outcomes)


MAY_END: Mapping[str, Ends] = MappingProxyType(
    {
        "check_in": _by(_MET, visits.CheckInRecorded, visits.VisitExtended)
        | _by(_MISSED, awaited.CheckInMissed)
        | _by(_WITHDRAWN, awaited.WatchResumed, visits.VisitEnded),
        "approval": _by(_MET, visits.VisitApproved, visits.VisitRefused)
        | _by(_MISSED, awaited.ApprovalOverdue)
        | _by(_WITHDRAWN, visits.VisitCancelled),
        "start": _by(_MET, visits.VisitStarted)
        | _by(_MISSED, awaited.StartOverdue)
        | _by(_WITHDRAWN, visits.VisitCancelled),
        "end": _by(_MET, visits.VisitEnded) | _by(_MISSED, awaited.EndOverdue) | _by(_WITHDRAWN, visits.VisitExtended),
        "report": _by(_MET, visits.VisitReported) | _by(_MISSED, awaited.ReportOverdue),
        "escalation": _by(_MET, *_OPENS) | _by(_WITHDRAWN, troubles.RecordDiscarded),
        "step": _by(_MET, *_GOES_ON) | _by(_WITHDRAWN, escalations.StepReachedNobody, tasks.TaskDone, *_STOPS),
        "task": _by(_MET | _WITHDRAWN, tasks.TaskTaken)
        | _by(_MET, tasks.TaskDone)
        | _by(_MISSED | _WITHDRAWN, tasks.TaskPassedOn, *_GOES_ON)
        | _by(_WITHDRAWN, *_STOPS),
        "resolution": _by(_MET, *_ENDS_IT)
        | _by(_MISSED, escalations.AcknowledgementRanOut)
        | _by(_WITHDRAWN, escalations.EscalationAcknowledged),
        "notification": _by(_MET, notifications.AttemptAccepted, notifications.ReplyReceived)
        | _by(_MISSED, notifications.NotReached)
        | _by(_WITHDRAWN, notifications.NotificationWithdrawn, troubles.RecordDiscarded),
    }
)
"""Of everything that can be expected, what may be its end."""

NEEDS_OPEN: Mapping[str, frozenset[type[Event]]] = MappingProxyType(
    {
        "check_in": frozenset({visits.CheckInRecorded, visits.VisitExtended, awaited.CheckInMissed}),
        "approval": frozenset({awaited.ApprovalOverdue}),
        "start": frozenset({awaited.StartOverdue}),
        "end": frozenset({awaited.EndOverdue}),
        "report": frozenset({awaited.ReportOverdue}),
        "escalation": frozenset(_OPENS),
        "step": frozenset(_GOES_ON),
        "resolution": frozenset({escalations.AcknowledgementRanOut}),
        "notification": frozenset({notifications.NotReached}),
    }
)
"""Ends that cannot come unless the thing is open. Anything else may come late, or after another: a second message that a
provider takes, an approval after it was overdue, the end of a visit whose check-in was missed."""

NEEDS_BEGUN: Mapping[str, frozenset[type[Event]]] = MappingProxyType(
    {
        "notification": frozenset(MAY_END["notification"]) - {troubles.RecordDiscarded},
        "task": frozenset({tasks.TaskPassedOn}),
    }
)
"""Ends that may come after another, and never of what nobody ever expected."""

_FIRST_TURN: frozenset[type[Event]] = frozenset(_GOES_ON)
"""The first turn of a ladder is the opening's own: it ends nothing, since it comes in the same commit."""

_NAMES: Mapping[type[Event], str] = MappingProxyType(
    {visits.CheckInRecorded: "met_due_at", awaited.CheckInMissed: "due_at", visits.VisitExtended: "met_due_at"}
)
"""The member by which an end says which check-in it ended."""

_NEVER_EARLY = frozenset({"check_in", "approval", "start", "end", "report", "resolution"})
"""What is missed when its time is over, and no sooner. Somebody not reached, or a task nobody can be told of, is at once."""

_LOST = "lost-"
"""Beginning of what an escalation is raised as in the place of one whose opening nobody can read: that it was lost is all."""

_SAID = re.compile(r".+\.[0-9]+-[0-9]+\.[a-z_]+")
"""What an escalation is raised as by what somebody says in a task, such as the code word: it comes with no event before it."""

_PARTS = "part"
"""The member that numbers the events of one decision, from 1: the first says all but whom the others ask."""


@dataclass(frozen=True)
class Broken:
    """One thing that breaks completeness."""

    kind: Kind
    what: str
    """What was expected, as in a timeline; ``record`` for one that nobody can read."""
    subject: str
    """The visit, the worker where there is none, or ``system.operator``."""
    position: int
    """Of the record that ended what it could not, or else of the one with which it began."""
    sentence: str

    def shown(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return asdict(self)


def broken(
    subject: str,
    history: Sequence[Recorded],
    unreadable: Iterable[Unreadable],
    now: datetime,
    raised_elsewhere: Collection[str] = (),
) -> list[Broken]:
    """Return what breaks completeness in the history of one subject, as known at ``now``, in the order of the log.

    ``raised_elsewhere`` are the ids of triggers that were raised on the operator's own ladder, as a visit's trouble is
    where it cannot be raised on the visit.
    """
    ledger = ledger_of(history, frozen_in(history))
    until = _tried_until(history)
    found = [
        *_unreadable(unreadable),
        *(fault for expected in ledger for fault in _of_expected(expected, now, until, raised_elsewhere)),
        *_of_loose(ledger),
    ]
    return sorted((replace(one, subject=subject) for one in found), key=lambda one: one.position)


def _unreadable(records: Iterable[Unreadable]) -> Iterator[Broken]:
    for record in records:
        sentence = f"Record #{record.position} ({record.type}) cannot be read, so what it began or ended is not known."
        yield Broken("unreadable", "record", "", record.position, sentence)


def _of_expected(
    expected: Expected, now: datetime, until: Mapping[str, datetime], raised_elsewhere: Collection[str]
) -> Iterator[Broken]:
    """Yield what is wrong with the end of something that was expected, or that it has none."""
    about = f"{_called(expected.what)} expected since record #{expected.armed.position}"
    ended = expected.ended
    if ended is None:
        latest = max(expected.latest_at, until.get(expected.key, expected.latest_at)) + PROMPT
        if now > latest and expected.key.partition("/")[2] not in raised_elsewhere:
            sentence = f"The {about} has no end on record, and its time was over at {latest.isoformat()}."
            yield Broken("never_ended", expected.what, "", expected.armed.position, sentence)
        return
    by = f"record #{ended.position} ({ended.envelope.type})"
    if expected.outcome not in MAY_END[expected.what].get(type(ended.event), frozenset()):
        sentence = f"The {about} counts as {expected.outcome} by {by}, which cannot be its end."
        yield Broken("ended_by_nothing", expected.what, "", ended.position, sentence)
    named = getattr(ended.event, _NAMES.get(type(ended.event), ""), None) if expected.what == "check_in" else None
    if named is not None and named != expected.due_at:
        sentence = (
            f"The {about}, due at {expected.due_at.isoformat()}, was ended by {by}, which names {named.isoformat()}."
        )
        yield Broken("another", expected.what, "", ended.position, sentence)
    early = expected.outcome == "missed" and ended.recorded_at < expected.latest_at
    if early and expected.what in _NEVER_EARLY:
        sentence = f"The {about} was recorded as missed by {by} before its time was over."
        yield Broken("too_early", expected.what, "", ended.position, sentence)


def _of_loose(ledger: Ledger) -> Iterator[Broken]:
    """Yield the events that ended nothing although they must."""
    ends = {(expected.what, expected.ended.position) for expected in ledger if expected.ended is not None}
    said: set[tuple[str, int]] = set()
    for loose in ledger.loose:
        what, place = _what(loose.key), loose.ended.position
        kind = _judged(what, loose)
        if kind is None or (what, place) in ends or (what, place) in said:
            continue
        said.add((what, place))  # a trigger is looked for under two keys
        by = f"Record #{place} ({loose.ended.envelope.type})"
        why = "had had its end" if kind == "ended_twice" else "nobody had expected"
        yield Broken(kind, what, "", place, f"{by} ends the {_called(what)} that {why}.")


def _judged(what: str, loose: Loose) -> Kind | None:
    event = loose.ended.event
    trigger_id = getattr(event, "trigger_event_id", "")
    if getattr(event, _PARTS, 1) > 1 or trigger_id.startswith(_LOST) or _SAID.fullmatch(trigger_id):
        return None
    if type(event) in NEEDS_OPEN.get(what, ()):
        if loose.begun:
            return "ended_twice"
        return None if what == "step" and type(event) in _FIRST_TURN else "without_beginning"
    return "without_beginning" if type(event) in NEEDS_BEGUN.get(what, ()) and not loose.begun else None


def _tried_until(history: Iterable[Recorded]) -> Mapping[str, datetime]:
    """Return until when each notification is being tried, by its key: an attempt has its time, and so has the next."""
    until: dict[str, datetime] = {}
    for recorded in history:
        match recorded.event:
            case (
                notifications.AttemptStarted(notification_id=id_, unknown_at=at)
                | notifications.AttemptFailed(notification_id=id_, retry_at=datetime() as at)
                | notifications.AttemptUnknown(notification_id=id_, retry_at=datetime() as at)
            ):
                key = f"notification/{id_}"
                until[key] = max(at, until.get(key, at))  # of several messages, the last that is still tried
            case _:
                pass
    return until


def _what(key: str) -> str:
    """Return what a key of the ledger is about."""
    kind, apart, _ = key.partition("/")
    return {"trigger": "escalation", "turn": "step", "end": "resolution"}.get(kind, kind) if apart else kind


def _called(what: str) -> str:
    return {"check_in": "check-in", "end": "end of the visit", "resolution": "end of the escalation"}.get(what, what)
