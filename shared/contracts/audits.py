"""Events of audit. Topic ``lonewatch.audit.v1``."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import Event, Id


class TimelineDisclosed(Event):
    """Somebody read the timeline of a visit. Stream ``disclosure-<visit>``."""

    type: ClassVar[str] = "disclosure.timeline_disclosed.v1"
    visit_id: Id
    to: Id
    through: int
    """The last position that was shown."""


EVENTS: tuple[type[Event], ...] = (TimelineDisclosed,)
