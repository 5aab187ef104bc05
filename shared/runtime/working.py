"""Which shards are at work in one process, which wait for their turn, and which have failed a moment ago.

Each goes at its own pace: one that is slow or fails holds up nothing but its lane. Knows nothing of records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING

import structlog

from shared.runtime.clock import monotonic
from shared.runtime.consumers import LeftToNewer
from shared.runtime.log import AlreadyApplied, FeedGap, Unavailable
from shared.runtime.postgres import LOST
from shared.runtime.racing import end
from shared.runtime.tries import Key, Tries

if TYPE_CHECKING:
    from shared.runtime.telemetry import Cycles

MOST_WORKING = 16
"""Shards at work at once in one process: enough to fill the sequencer's calls, few enough to leave connections."""

_FAILED_PAUSE = 0.25
"""Seconds before a shard whose record failed is tried again the first time; no other shard waits for it."""

_LONGEST_PAUSE = 5.0
"""Seconds that the pause of a failing shard grows to: half of what an alarm may take."""

_LEFT_PAUSE = 0.25
"""Seconds before a shard is looked at again that another replica is at, or that is left to a newer one."""

_NEVER: tuple[float, float, int | None] = (0.0, 0.0, None)
"""Of a shard that did not fail."""

Work = Callable[[Key, bool], Awaitable[None]]
"""Takes one page of a shard; whether the log is to be read for it."""

log = structlog.get_logger()


class Working:
    """Starts a shard's work when its lane is free, and lets it rest where it has failed."""

    def __init__(self, work: Work, lane_of: Callable[[Key], Hashable], tries: Tries, cycles: Cycles) -> None:
        """Do ``work``; shards of the same lane take turns."""
        self._work = work
        self._lane_of = lane_of
        self._tries = tries
        self._cycles = cycles
        self._wanted: dict[Key, bool] = {}
        """What waits for its turn, the longest waiting first, and whether the log is to be read for it."""
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._lanes: set[Hashable] = set()
        self._failed: dict[Key, tuple[float, float, int | None]] = {}
        """When each shard that failed is tried again, after which pause, and the position at which it stood."""
        self._room = asyncio.Semaphore(MOST_WORKING)
        self.moved = monotonic()
        """When a shard last came to the end of a page."""

    def __contains__(self, key: Key) -> bool:
        """Say whether a shard is at work."""
        return key in self._tasks

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """What is at work."""
        return tuple(self._tasks.values())

    def want(self, key: Key, *, by_log: bool = False) -> None:
        """Let a shard have its turn as soon as its lane is free, unless it has failed a moment ago."""
        if self._failed.get(key, _NEVER)[0] <= monotonic():
            self._wanted[key] = by_log or self._wanted.get(key, False)
            self._start()

    def _start(self) -> None:
        for key in list(self._wanted):
            lane = self._lane_of(key)
            if lane not in self._lanes:
                self._lanes.add(lane)
                task = self._tasks[key] = asyncio.create_task(self._guarded(key, by_log=self._wanted.pop(key)))
                task.add_done_callback(lambda done, key=key: self._ended(key, done))  # type: ignore[misc]

    def _ended(self, key: Key, done: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._lanes.discard(self._lane_of(key))
        if self._failed.get(key, _NEVER)[0] > monotonic():
            self._wanted.pop(key, None)  # it rests; the next look wants it again
        if not done.cancelled():
            self._start()

    async def _guarded(self, key: Key, *, by_log: bool) -> None:
        """Take one page of a shard; a failure holds up that shard alone, longer each time."""
        consumer, topic, shard = key
        try:
            async with self._room:
                await self._work(key, by_log)  # one page: its next turn goes on from where the shard is then
            self.moved = monotonic()
            self._failed.pop(key, None)
        except (FeedGap, AlreadyApplied):
            self._failed[key] = (monotonic() + _LEFT_PAUSE, 0.0, None)  # another replica is at it
            log.info("feed_reads_again", consumer=consumer, topic=topic, shard=shard)
        except LeftToNewer:
            self._failed[key] = (monotonic() + _LEFT_PAUSE, 0.0, None)
            log.info("feed_leaves_to_newer", consumer=consumer, topic=topic, shard=shard)
        except Exception as error:  # whatever a record does to its handler, the other shards go on
            self._rest(key)
            if isinstance(error, (Unavailable, *LOST)):
                log.warning("feed_lost_the_log", consumer=consumer, topic=topic, shard=shard)
            else:
                self._cycles.failed("feed")
                log.exception("feed_failed", consumer=consumer, topic=topic, shard=shard)

    def _rest(self, key: Key) -> None:
        """Let a shard rest that has failed, each time twice as long while it stands at the same record."""
        _, last, stood = self._failed.get(key, _NEVER)
        stands = self._tries.standing(key)
        grown = 2 * last if stands == stood else 0.0  # it has moved: what fails now is another record
        delay = min(max(grown, _FAILED_PAUSE), _LONGEST_PAUSE)
        self._failed[key] = (monotonic() + delay, delay, stands)

    async def end(self) -> None:
        """Stop whatever is at work; what was not appended is taken again by whoever looks next."""
        self._wanted.clear()
        await end(self.tasks)
