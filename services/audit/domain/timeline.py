"""Fold the history of a visit into its timeline: what happened, and what was expected and became of it.

No clock, no database, no names: the same history at the same instant gives the same timeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.audit.domain.expectations import expectations
from services.audit.domain.frozen import Ladders, frozen_in
from services.audit.domain.lines import Line, Timeline
from services.audit.domain.own import Unreadable, is_shown, own_history
from services.audit.domain.sentences import own_sentence, sentence
from services.audit.domain.summary import summarise
from services.audit.domain.words import masked
from shared.contracts.base import Cites, Event, Sealed
from shared.contracts.envelope import Recorded
from shared.contracts.ladders import Ladder
from shared.contracts.visits import VisitPlanned

_OPENED_FOR_READERS = ("place", "note", "notes", "reference")
"""Sealed fields that a reader of the timeline may see: where the visit is, what people wrote about it, and under which
reference emergency services have it. Names, numbers, code words and addresses stay sealed."""


@dataclass(frozen=True)
class View:
    """What one reader is shown of a history."""

    events: tuple[Event, ...]
    told: Timeline
    through: int
    """The last position of the log that is shown, what was read by whom left out."""
    unreadable: tuple[int, ...]


def view(history: Sequence[Recorded], unreadable: Sequence[Unreadable], now: datetime, own_of: str | None) -> View:
    """Return what is shown of a history; to ``own_of``, the worker whom it is about, their own part of it and no more."""
    if own_of is None:
        told, places = timeline(history, now), tuple(record.position for record in unreadable)
        return View(_events(history), told, told.summary.through, places)
    own, places = own_history(history, unreadable, own_of)
    ids = {recorded.envelope.event_id for recorded in own}
    through = max((recorded.position for recorded in history if recorded.envelope.event_id in ids), default=0)
    return View(_events(own), own_timeline(own, now, own_of), through, places)


def timeline(history: Sequence[Recorded], now: datetime) -> Timeline:
    """Return the timeline of a history in position order, as known at ``now``."""
    ladders = frozen_in(history)
    happened = [((recorded.recorded_at, recorded.position, -1), _line(recorded, ladders)) for recorded in history]
    expected = [(expected.place, expected.line(now)) for expected in expectations(history, ladders)]
    in_order = sorted((*happened, *expected), key=lambda placed: placed[0])
    return Timeline(now=now, summary=summarise(history), lines=tuple(line for _, line in in_order))


def own_timeline(history: Sequence[Recorded], now: datetime, worker_id: str) -> Timeline:
    """Return the timeline of ``own_history`` for its worker.

    That an escalation was expected is left out with the escalations; notes are opened where the worker wrote them; and no
    sentence says how long something took, so that nothing but instants differs from one time to the next.
    """
    happened = [((recorded.recorded_at, recorded.position, -1), _own_line(recorded, worker_id)) for recorded in history]
    expected = [
        (expected.place, expected.line(now, own=True))
        for expected in expectations(history, {})
        if expected.what != "escalation"
    ]
    in_order = sorted((*happened, *expected), key=lambda placed: placed[0])
    return Timeline(now=now, summary=summarise(history), lines=tuple(line for _, line in in_order))


def _events(history: Sequence[Recorded]) -> tuple[Event, ...]:
    return tuple(recorded.event for recorded in history)


def notification_ids(history: Sequence[Recorded]) -> tuple[str, ...]:
    """Return the ids of all notifications that the events of a history asked for, in order."""
    return tuple(ask.notification_id for recorded in history for ask in getattr(recorded.event, "asks", ()))


def _line(recorded: Recorded, ladders: Ladders) -> Line:
    event, envelope = recorded.event, recorded.envelope
    cites = _cites(event)
    return Line(
        kind="happened",
        what=event.type,
        sentence=sentence(recorded, ladders),
        occurred_at=envelope.occurred_at,
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        actor=envelope.actor,
        clauses=cites.clauses,
        requirements=cites.requirements,
        ours=cites.ours,
        details=dict(_details(event)),
        sealed=dict(_sealed(event)),
    )


def _own_line(recorded: Recorded, worker_id: str) -> Line:
    line = _line(recorded, {})
    opened = isinstance(recorded.event, VisitPlanned) or recorded.envelope.actor == worker_id
    return replace(
        line,
        sentence=own_sentence(recorded),
        details={
            name: value
            for name, value in line.details.items()
            if is_shown(recorded.event, name) and (opened or name not in _OPENED_FOR_READERS)
        },
        sealed=line.sealed if opened else {},
    )


def _cites(event: Event) -> Cites:
    """Return what an event cites: its own rule, or that of the ladder which it froze."""
    cites = getattr(event, "cites", None)
    if isinstance(cites, Cites):
        return cites
    ladder = getattr(event, "ladder", None)
    return ladder.cites if isinstance(ladder, Ladder) else Cites()


def _details(event: Event) -> Iterator[tuple[str, Any]]:
    """Yield the members of an event: sealed ones masked, a frozen ladder by the names of its steps."""
    data: Mapping[str, Any] = masked(event.model_dump(mode="json", exclude={"cites", "watch_cites", "policy"}))
    for name, value in data.items():
        if name == "ladder" and value is not None:
            yield name, [step["name"] for step in value["steps"]]
        else:
            yield name, value


def _sealed(event: Event) -> Iterator[tuple[str, Sealed]]:
    for name in _OPENED_FOR_READERS:
        value = getattr(event, name, None)
        if isinstance(value, Sealed):
            yield name, value
