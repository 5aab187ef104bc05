"""Do several things at once until one of them ends, and end what goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

_AGAIN_AFTER = 5.0
"""Seconds after which a task that goes on is cancelled again: longer than any of ours needs to leave in order."""


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, however they end.

    Again and again: what a library awaits may swallow a cancellation (``asyncio.wait_for`` of Python 3.11, in aiokafka),
    and the task would go on for ever.
    """
    tasks = list(tasks)
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)  # what they ended with is nobody's concern any more


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things until one of them ends, and end as it did; the others are cancelled and waited for."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()
