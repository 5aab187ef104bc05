"""Named points between two checkpoints, at which a test may end the process.

Nothing happens there unless LONEWATCH_TREE_CRASH_AT names one: a test's setting, which no installation has.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

STAGED_PART, STAGED = "staged_part", "staged"
BEFORE_COMMIT, COMMITTED = "before_commit", "committed"
PUBLISHED_PART, PUBLISHED = "published_part", "published"
BEFORE_CHECKPOINT, CHECKPOINT_PUBLISHED = "before_checkpoint", "checkpoint_published"

CRASH_POINTS = (
    STAGED_PART, STAGED, BEFORE_COMMIT, COMMITTED, PUBLISHED_PART, PUBLISHED, BEFORE_CHECKPOINT, CHECKPOINT_PUBLISHED,
)  # fmt: skip
"""In the order in which one growth of the tree comes by: after the first file and after all of what is staged, before and
after the rename of ``committed``, after the first tile and all tiles in public, before and after the rename of the checkpoint."""

At = Callable[[str], None]


def nothing(_point: str) -> None:
    """Pass every point."""


def crash_at(setting: str | None) -> At:
    """Return what to do at each point: end this process at the n-th time of one (``committed:3``), else nothing.

    Raises ValueError for a point that does not exist.
    """
    if setting is None:
        return nothing
    point, _, times = setting.partition(":")
    if point not in CRASH_POINTS:
        message = f"{point} is no crash point of the tree; there are {', '.join(CRASH_POINTS)}"
        raise ValueError(message)
    left = int(times or 1)

    def kill(passed: str) -> None:
        nonlocal left
        left -= passed == point
        if passed == point and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill
