"""Events of audit. Topic ``lonewatch.audit.v1``."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import Event, Id


class TimelineDisclosed(Event):
    """Somebody read a timeline. Stream ``disclosure-…`` of the visit, or of the worker for what had no visit."""

    type: ClassVar[str] = "disclosure.timeline_disclosed.v1"
    subject_id: Id
    """The visit, or the worker."""
    to: Id
    through: int
    """The last position that was shown."""


EVENTS: tuple[type[Event], ...] = (TimelineDisclosed,)
