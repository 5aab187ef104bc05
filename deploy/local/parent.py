"""Let a child end with whoever started it, however that ends. Linux does it; elsewhere a killed runner leaves its children.

The request is the starting thread's: a child must be started by a thread that lives as long as the process.
"""

from __future__ import annotations

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG: Final = 1
"""What prctl calls the signal that a process gets when the thread that started it is gone."""

_LIBRARY: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded before anybody forks: between fork and exec a child should do as little as possible."""

STARTER: Final = ThreadPoolExecutor(1, thread_name_prefix="starter")
"""One thread that lives until this process ends, for what is started by threads that come and go."""


def ends_with_parent(signal_number: int) -> Callable[[], None]:
    """Return what a child does before its program begins, so that it gets a signal when its parent is gone."""

    def ask() -> None:
        if _LIBRARY is not None:
            _LIBRARY.prctl(PR_SET_PDEATHSIG, signal_number)

    return ask
