"""Wait for an instant, for stories whose point is when somebody does something. Waits for nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


async def reach(at: datetime) -> None:
    """Return at an instant of this machine's clock; at once where it has passed."""
    await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


def now() -> datetime:
    """Return this machine's time, which the log's is too, as PostgreSQL runs on it."""
    return datetime.now(UTC)
