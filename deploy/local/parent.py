"""Start a server that ends with whoever started it, however that ends. Linux does it; elsewhere a killed runner leaves it.

The request is the starting thread's: a child must be started by a thread that lives as long as the process.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import psutil

from deploy.local.account import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from deploy.local.account import Account

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


def start_server(account: Account, command: Sequence[str | Path], output: Path, ends_by: int) -> psutil.Process:
    """Start a server as an account, in a session of its own (Ctrl-C does not reach it), writing to the end of ``output``.

    It gets the signal ``ends_by`` when this process is gone. Raises OSError.
    """
    return STARTER.submit(_start, account, command, output, ends_by).result()


def _start(account: Account, command: Sequence[str | Path], output: Path, ends_by: int) -> psutil.Process:
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as file:
        started = subprocess.Popen(
            [str(part) for part in command],
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
            cwd="/",
            env=dict(ENVIRONMENT),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=ends_with_parent(ends_by),  # noqa: PLW1509 -- one call that needs no lock
        )
    started.returncode = 0  # psutil's Process watches and reaps it from here on, as it does with one left over
    return psutil.Process(started.pid)
