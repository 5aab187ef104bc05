"""This process's own clock. It measures how long things take; it decides nothing: that is ``log.now()``."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


def wall() -> datetime:
    """Return this process's idea of the time, only to be compared with the log's."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never go back, to measure how long something took."""
    return time.monotonic()


async def pause(seconds: float) -> None:
    """Wait a while between two looks."""
    await asyncio.sleep(seconds)
