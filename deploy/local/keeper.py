"""Keep PostgreSQL running: start it again whenever it has ended by itself. Knows nothing of who uses it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.local import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOOK_EVERY = 0.2
"""Seconds between two looks: an alarm may wait for ten, and a look reads one small file."""

PAUSE = 5.0
"""Seconds before PostgreSQL is tried again when it did not start: its disk may be full, and its log grows."""


@dataclass
class Keeper:
    """Starts one installation's PostgreSQL again; the services find it, as they would a database server."""

    state: Path
    settings: Mapping[str, str]
    say: Callable[[str], None]
    held: bool = False
    """While true what has ended stays so: for tests of outages."""
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def run(self) -> None:
        """Look until told to stop."""
        pause = LOOK_EVERY
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = LOOK_EVERY
            if (
                self._stopping.is_set()
                or self.held
                or await asyncio.to_thread(postgres.running, self.state) is not None
            ):
                continue
            self.say("PostgreSQL has ended; starting it again")
            try:
                await asyncio.to_thread(postgres.start, self.state, settings=self.settings)
            except (postgres.PostgresError, OSError) as error:
                self.say(str(error))
                pause = PAUSE

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
