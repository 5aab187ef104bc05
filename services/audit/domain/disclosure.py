"""Decide that a timeline was read: who was shown what, up to which position. One stream per visit, or per worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import Event
from shared.decider import Decider, no_deadlines

What = Literal["timeline", "state", "bundle"]
"""What somebody is shown of a visit: its timeline, its state at some moment, or all of it, to take along."""

REFUSALS: Mapping[str, str] = {
    "visit_unknown": "There is no visit with this id; take it from the list of visits of the site.",
    "worker_unknown": "Nobody is known by this id; take it from the list of workers of the site.",
    "tree_unknown": "No tree is kept here; whoever runs Lonewatch names its folder and its key in the settings of audit.",
    "tree_behind": "The tree has not yet taken the last record of this visit; ask again in some seconds.",
    "tree_differs": "The tree does not hold what the log holds of this visit; do not change anything, and run lonewatch verify.",
    "bundle_too_large": "The visit has more records than a bundle takes; ask whoever runs Lonewatch for the whole log.",
    "tree_part_unknown": "The tree has no such part; its checkpoint says how far it goes.",
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
    what: What = "timeline"


@dataclass(frozen=True)
class Disclosures:
    """Who has been shown what, so far."""

    shown: frozenset[tuple[str, int, str]] = field(default_factory=frozenset)
    """A worker id, the last position shown, and what was shown of it."""


def decide(command: RecordDisclosure, disclosures: Disclosures) -> list[Event]:
    """Return what follows; nothing where the same person was shown the same before."""
    if (command.to, command.through, command.what) in disclosures.shown:
        return []
    to, through = command.to, command.through
    return [TimelineDisclosed(subject_id=command.subject_id, to=to, through=through, what=command.what)]


def evolve(disclosures: Disclosures, event: Event) -> Disclosures:
    """Return what has been shown after an event."""
    if isinstance(event, TimelineDisclosed):
        return Disclosures(disclosures.shown | {(event.to, event.through, event.what)})
    return disclosures


DISCLOSURE = Decider(Disclosures(), decide, evolve, no_deadlines)
"""The decider of a ``disclosure-…`` stream."""
