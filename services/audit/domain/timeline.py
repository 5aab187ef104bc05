"""Fold the history of a visit into its timeline: what happened, and what was expected and became of it.

No clock, no database, no names: the same history at the same instant gives the same timeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.audit.domain.expectations import expectations
from services.audit.domain.lines import Line, Timeline
from services.audit.domain.sentences import sentence
from services.audit.domain.summary import summarise
from services.audit.domain.words import masked
from shared.contracts.base import Cites, Event, Sealed
from shared.contracts.envelope import Recorded
from shared.contracts.ladders import Ladder

_OPENED_FOR_READERS = ("place", "note", "notes")
"""Sealed fields that a reader of the timeline may see: where the visit is, and what people wrote about it. Names,
numbers and addresses of third persons stay sealed."""


def timeline(history: Sequence[Recorded], now: datetime) -> Timeline:
    """Return the timeline of a history in position order, as known at ``now``."""
    happened = [((recorded.recorded_at, recorded.position, -1), _line(recorded)) for recorded in history]
    expected = [(expected.place, expected.line(now)) for expected in expectations(history)]
    in_order = sorted((*happened, *expected), key=lambda placed: placed[0])
    return Timeline(now=now, summary=summarise(history), lines=tuple(line for _, line in in_order))


def notification_ids(history: Sequence[Recorded]) -> tuple[str, ...]:
    """Return the ids of all notifications that the events of a history asked for, in order."""
    return tuple(ask.notification_id for recorded in history for ask in getattr(recorded.event, "asks", ()))


def _line(recorded: Recorded) -> Line:
    event, envelope = recorded.event, recorded.envelope
    cites = _cites(event)
    return Line(
        kind="happened",
        what=event.type,
        sentence=sentence(recorded),
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
