"""Say why something is recorded later than promised: because Lonewatch was away, or because nobody looked in time.

Never because of the worker: the two must be told apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from services.checkin.domain.commands import Outages

PROMISED = timedelta(seconds=10)
"""How long after its deadline something may be recorded; later than that the system itself was away, and the event says so."""

Late = Literal["system_outage", "nobody_looked_in_time"]
"""The reasons: an outage that is on record, or none that is."""


def why_late(deadline_at: datetime, now: datetime, outages: Outages, *, since: datetime | None = None) -> Late | None:
    """Return why what fell due at ``deadline_at`` is recorded only ``now``, or why it may be our fault that it is missing.

    ``since`` is when the worker was first asked for it: whoever tried while Lonewatch was away may not have tried again.
    None where it comes as promised, and nothing of ours stood between.
    """
    if any(from_at <= deadline_at and to_at >= (since or deadline_at) for from_at, to_at in outages):
        return "system_outage"
    return "nobody_looked_in_time" if now > deadline_at + PROMISED else None
