"""Keep the tree by the log each second, and tell somebody where that cannot be done or takes too long. Hashes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.audit.domain.tree.beginning import TREE, BeginTree
from services.audit.tiles.files import BusyError
from services.audit.tiles.folder import NoTreeError
from services.audit.tiles.lateness import LATE_AFTER, Lateness
from services.audit.tiles.refusing import MovedError, RefusedError
from shared.contracts.base import stream_of
from shared.runtime.clock import monotonic, pause
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.log import By, Unavailable
from shared.runtime.postgres import LOST
from shared.trouble import SelfCheck

if TYPE_CHECKING:
    from services.audit.tiles.sequencer import Sequencer
    from services.audit.tiles.store import Held, Store
    from shared.runtime.log import Loaded
    from shared.runtime.troubles import Troubles

EVERY = 1.0
"""Seconds between two looks: a tenth of what a record may wait."""

CHECK = "tree"
"""What troubles of the tree are called, as those of any self-check."""

LATE = "late"
"""Where a trouble is that only time is lost."""

log = structlog.get_logger()


class Keeping:
    """One replica's loop. Several may run: one commits, and the others find that it is done."""

    def __init__(self, sequencer: Sequencer, store: Store, troubles: Troubles) -> None:
        """Grow ``store`` by ``sequencer``; what goes wrong is said in the streams of ``troubles``."""
        self._sequencer, self._store, self._troubles = sequencer, store, troubles
        self._lateness = Lateness()
        self._open: set[str] = {LATE}
        """Places of troubles that may have been said, by this process or one before it."""
        self._began: str | None = None

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self.look()
            await pause(EVERY)

    async def look(self) -> None:
        """Grow the tree once. What fails is told, and tried again at the next look."""
        try:
            await self._grow()
            await self._judge()
        except (Unavailable, asyncpg.PostgresError, *LOST) as error:
            log.warning("tree_lost_the_log", error=type(error).__name__)
        except Exception:  # the tree must not end a service that tells timelines
            log.exception("tree_failed")

    async def _grow(self) -> None:
        try:
            held = await self._sequencer.advance()
        except RefusedError as refused:
            log.critical("tree_refused", place=refused.place)
            await self._say(refused.place, refused.expected, refused.found)
        except (BusyError, MovedError):
            pass  # another replica is at it
        except OSError as error:
            log.error("tree_cannot_write", error=type(error).__name__, number=error.errno)  # noqa: TRY400 -- the place says enough
        else:
            await self._begin(held)
            for place in sorted(self._open - {LATE}):
                await self._settle(place)

    async def _begin(self, held: Held) -> None:
        """Let the log say that the tree began, once; a tree that begins a second time is told to somebody."""
        origin = held.checkpoint.origin
        if self._began == origin:
            return
        try:
            previous = self._store.folder.read("previous").decode()
        except NoTreeError:
            previous = None
        command = BeginTree(origin, self._store.key(origin), previous)
        stream_id = stream_of("tree", held.checkpoint.incarnation)

        def decide(loaded: Loaded) -> Decided:
            began = write(TREE, loaded[stream_id], lambda state: TREE.decide(command, state))
            return Decided([began] if began.events else [])

        by = By(f"system:{self._troubles.service}", new_id())
        await self._troubles.commands.handle("begin_tree", [stream_id], decide, by)
        self._began = origin

    async def _judge(self) -> None:
        """Say that the tree is late, each ten minutes while it is, and once that it is not any more."""
        try:
            size = self._store.folder.checkpoint().size
        except (NoTreeError, ValueError):
            size = 0
        times = self._lateness.look(self._sequencer.head, size, monotonic())
        if times is not None:
            found = f"position {size + 1} waits" + (f", for {times * 10} minutes" if times else "")
            log.error("tree_late", position=size + 1)
            await self._say(LATE, f"each record under a checkpoint within {LATE_AFTER:.0f} s", found)
        elif size >= self._sequencer.head and LATE in self._open:
            await self._settle(LATE)

    async def _say(self, place: str, expected: str, found: str, *, mended: bool = False) -> None:
        """Say a trouble; the stream of troubles takes the same one once."""
        command = SelfCheck(self._troubles.service, CHECK, place, expected, found, mended=mended)
        self._open.add(place)
        await self._troubles.record(place, command)

    async def _settle(self, place: str) -> None:
        """Say of a trouble that it is over, where it was said and is not yet settled."""
        known = await self._troubles.known([self._troubles.stream_of(None, place)])
        if any(one[:2] == (CHECK, place) for stream in known.values() for one in stream.state.checks):
            await self._say(place, "the tree as the log is", "it is so again", mended=True)
        self._open.discard(place)
