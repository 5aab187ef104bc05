"""Events of audit. Topic ``lonewatch.audit.v1``."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import Code, Event, Id, Line


class TimelineDisclosed(Event):
    """Somebody read a timeline. Stream ``disclosure-…`` of the visit, or of the worker for what had no visit."""

    type: ClassVar[str] = "disclosure.timeline_disclosed.v1"
    subject_id: Id
    """The visit, or the worker."""
    to: Id
    through: int
    """The last position that was shown."""
    what: Code = "timeline"
    """What was shown of it: its timeline, its state, or a bundle that was handed out."""


class TreeBegan(Event):
    """The Merkle tree of this log began. Stream ``tree-<incarnation>``, once for each incarnation of a log.

    ``previous`` is the last checkpoint of the tree before it, word for word, where the log was restored from a backup.
    """

    type: ClassVar[str] = "tree.began.v1"
    origin: Line
    """Names the tree in each of its checkpoints."""
    key: Line
    """The public key of its checkpoints, as a signed note's verifier key."""
    previous: str | None = None


EVENTS: tuple[type[Event], ...] = (TimelineDisclosed, TreeBegan)
