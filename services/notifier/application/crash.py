"""Named points between the start and the outcome of an attempt, at which a test may end the process.

Nothing happens there unless LONEWATCH_CRASH_AT names one: a test's setting, which no installation has.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

BEFORE_START, AFTER_START = "before_start", "after_start"
BEFORE_CALL, AFTER_CALL = "before_call", "after_call"
BEFORE_OUTCOME, AFTER_OUTCOME = "before_outcome", "after_outcome"

CRASH_POINTS = (BEFORE_START, AFTER_START, BEFORE_CALL, AFTER_CALL, BEFORE_OUTCOME, AFTER_OUTCOME)
"""In the order in which one attempt comes by: around the append of its start, the call, and the append of its outcome."""

At = Callable[[str], Awaitable[None]]


async def nothing(_point: str) -> None:
    """Pass every point."""


def crash_at(setting: str | None) -> At:
    """Return what to do at each point: end this process at the n-th time of one (``after_call:3``), else nothing.

    Raises ValueError for a point that does not exist.
    """
    if setting is None:
        return nothing
    point, _, times = setting.partition(":")
    if point not in CRASH_POINTS:
        message = f"{point} is no crash point; there are {', '.join(CRASH_POINTS)}"
        raise ValueError(message)
    left = int(times or 1)

    async def kill(passed: str) -> None:
        nonlocal left
        left -= passed == point
        if passed == point and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill
