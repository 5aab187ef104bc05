"""Decide that a timeline was read: who was shown what, up to which position. One stream per visit, or per worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import Event
from shared.decider import Decider, no_deadlines

REFUSALS: Mapping[str, str] = {
    "visit_unknown": "There is no visit with this id; take it from the list of visits of the site.",
    "worker_unknown": "Nobody is known by this id; take it from the list of workers of the site.",
}
"""Code of a refusal to a sentence for the person who met it: what is wrong, and what to do."""


@dataclass(frozen=True)
class RecordDisclosure:
    """Record that a person is about to be shown a timeline, up to a position."""

    subject_id: str
    """The visit; or the worker, for what happened without a visit."""
    to: str
    through: int
    now: datetime


@dataclass(frozen=True)
class Disclosures:
    """Who has been shown what, so far."""

    shown: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    """Pairs of a worker id and the last position shown."""


def decide(command: RecordDisclosure, disclosures: Disclosures) -> list[Event]:
    """Return what follows; nothing where the same person was shown the same before."""
    if (command.to, command.through) in disclosures.shown:
        return []
    return [TimelineDisclosed(subject_id=command.subject_id, to=command.to, through=command.through)]


def evolve(disclosures: Disclosures, event: Event) -> Disclosures:
    """Return what has been shown after an event."""
    if isinstance(event, TimelineDisclosed):
        return Disclosures(disclosures.shown | {(event.to, event.through)})
    return disclosures


DISCLOSURE = Decider(Disclosures(), decide, evolve, no_deadlines)
"""The decider of a ``disclosure-…`` stream."""
