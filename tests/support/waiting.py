"""Wait for something to come true, so that no test sleeps. Knows nothing of what it waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_LOOK_EVERY = 0.01
"""Seconds between two looks: too short to notice, long enough to leave the processor to what is waited for."""


async def until(look: Callable[[], Awaitable[object]], within: float = 20.0) -> None:
    """Look until it is true. Raises AssertionError after ``within`` seconds."""
    end = time.monotonic() + within
    while not await look():
        assert time.monotonic() < end, f"not true within {within} s"
        await asyncio.sleep(_LOOK_EVERY)
