"""Keep processes running: what exits is started again, what is told to stop is waited for, output goes to files.

Knows nothing of what the processes do.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.local.parent import ends_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOPPED_WITHIN = timedelta(seconds=8)
"""How long an orderly end may take before a process is killed: a service finishes its requests within 3 s."""

RESTART_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a process that exited is started again: at once the first time, slower while it keeps exiting."""

LONG_ENOUGH = 10.0
"""Seconds after which a process counts as having run, so that its next exit is again its first."""


@dataclass
class Process:
    """One process that is kept running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    output: Path
    restarts: int = 0
    exit_code: int | None = None
    """Of its last exit."""
    _current: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)
    _stopping: bool = False

    @property
    def pid(self) -> int | None:
        """The process id, while one runs."""
        running = self._current is not None and self._current.returncode is None
        return self._current.pid if running and self._current else None

    async def start(self) -> None:
        """Start it and keep it running; after a stop, too."""
        self._stopping = False
        await self._start_once()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it in order, paused or not; kill it when that takes too long."""
        self._stopping = True
        if self._keeper:
            self._keeper.cancel()
        if self._current is None or self._current.returncode is not None:
            return
        self._current.terminate()
        self.signal(signal.SIGCONT)
        try:
            await asyncio.wait_for(self._current.wait(), STOPPED_WITHIN.total_seconds())
        except TimeoutError:
            self._current.kill()
            await self._current.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when none runs."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _start_once(self) -> None:
        with os.fdopen(os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as output:
            self._current = await asyncio.create_subprocess_exec(
                *self.command,
                env=dict(self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=ends_with_parent(signal.SIGTERM),
            )

    async def _keep(self) -> None:
        quick = 0
        loop = asyncio.get_running_loop()
        while not self._stopping and self._current is not None:
            began = loop.time()
            self.exit_code = await self._current.wait()
            quick = 0 if loop.time() - began > LONG_ENOUGH else quick + 1
            await asyncio.sleep(RESTART_PAUSES[min(quick, len(RESTART_PAUSES)) - 1] if quick else RESTART_PAUSES[0])
            self.restarts += 1
            with suppress(OSError):  # out of processes or memory: tried again after a longer pause
                await self._start_once()
