"""Wait for an instant, for stories whose point is when somebody does something. Waits for nothing else.

A fault that lasts is such a story: ``reach(now() + AWAY)`` is how long a broker is away or a load goes on, and nothing that
could be looked at comes true at its end. Whoever waits for something to come true uses ``tests.support.waiting``.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


async def reach(at: datetime) -> None:
    """Return at an instant of this machine's clock; at once where it has passed."""
    await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


def now() -> datetime:
    """Return this machine's time, which the log's is too, as PostgreSQL runs on it."""
    return datetime.now(UTC)
