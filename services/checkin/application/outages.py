"""When Lonewatch itself was away, as checkin's own stream of it says: what fell due then is no worker's silence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.contracts.troubles import OUTAGE, OutageRecorded, trouble_stream
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from services.checkin.domain import Outages
    from shared.runtime.log import Loaded

OUTAGES = trouble_stream("checkin", OUTAGE)
"""The stream of checkin's outages."""

NEWEST: Mapping[str, int] = MappingProxyType({OUTAGES: 20})
"""Outages that a decision looks at: the last that is on record comes first in whatever is decided after it, and a database
that comes and goes gives a few of them."""


def outages_in(loaded: Loaded) -> Outages:
    """Return the outages among what was loaded; none where their stream was not asked for."""
    stream = loaded.streams.get(OUTAGES)
    events = stream.events if stream else ()
    return tuple((event.from_at, event.to_at) for event in events if isinstance(event, OutageRecorded))


async def have_on_record(note_outage: Callable[[], Awaitable[None]]) -> None:
    """Let an outage that has just ended be on record before somebody's check-in is decided: it may come before the clock.

    It keeps nothing up: where the log is still away, the check-in itself says so.
    """
    with suppress(*LOST):
        await note_outage()
