"""How a reaction takes one page of one shard: record by record, each answered, passed, or parked.

Whatever a record holds, the page goes on: what cannot be read or answered is set aside in the commit that moves past it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from shared.runtime.consumers import NEVER_THE_RECORDS, Follower, Reaction
from shared.runtime.log import By, Cause, Seen
from shared.runtime.reading import Unreadable, parked
from shared.runtime.taking import BY_TOPIC, NotByTopic, Turn
from shared.runtime.telemetry import FED
from shared.runtime.troubles import Known

if TYPE_CHECKING:
    from shared.contracts.envelope import Recorded
    from shared.runtime.rows import Row

log = structlog.get_logger()


async def react(follower: Follower, reaction: Reaction, turn: Turn, applied: int) -> int:
    """Answer one page of one shard; return its applied position then.

    Raises AlreadyApplied or FeedGap where another replica was first: read again. Raises NotByTopic where the log must be
    read, LeftToNewer, and whatever a handler raises that is not yet the record's own fault.
    """
    taken = await turn.take(follower.pool, applied)
    page = _Page(follower, reaction, turn.key, applied, taken.via)
    if taken.rows:
        streams = [follower.troubles.stream_of_row(row) for row in taken.rows]
        page.known.update(await follower.troubles.known(streams))
        for row, stream_id in zip(taken.rows, streams, strict=True):
            await page.take(row, stream_id)
        await page.catch_up()
        follower.tries.forget(turn.key)
    return page.applied


@dataclass
class _Page:
    """One page at work: how far it has come, and what is parked of the visits in it."""

    follower: Follower
    reaction: Reaction
    key: tuple[str, str, int]
    applied: int
    via: str
    skipped: int | None = None
    """The newest of the records that nobody answers and that no commit has moved past yet."""
    skipping: int = 0
    """How many they are."""
    seen: list[Seen] = field(default_factory=list)
    """What came by the topic and no commit has moved past yet: the log compares it."""
    known: dict[str, Known] = field(default_factory=dict)

    async def take(self, row: Row, stream_id: str) -> None:
        """Answer one record, pass it, or park it."""
        found = self.follower.readable(self.key, row)
        answered = row["type"] in self.reaction.answers
        if not (answered or isinstance(found, Unreadable)):
            self._see(row)
            self.skipped = row["position"]
            self.skipping += 1
            return
        await self.catch_up()
        self._see(row)
        cause = self._cause(row["position"])
        if isinstance(found, Unreadable):
            await self._park(row, stream_id, cause, found)
        elif behind := self._behind(row, stream_id):
            await self._park(row, stream_id, cause, Unreadable("behind"), behind)
        elif why := await self._answer(row, found, cause):
            await self._park(row, stream_id, cause, why)
        self._moved(row["position"], 1)

    def _behind(self, row: Row, stream_id: str) -> str | None:
        """Return the parked record of the same visit that this one must wait for."""
        waiting = self.known.get(stream_id, Known()).state.waiting(self.reaction.consumer)
        return waiting[0].fact.parked_id if waiting and self.reaction.waits(row["type"]) else None

    async def _answer(self, row: Row, recorded: Recorded, cause: Cause) -> Unreadable | None:
        """Let the handler answer; return why not, once it has failed often enough."""
        envelope = recorded.envelope
        actor = f"system:{self.reaction.consumer}"
        by = By(actor=actor, correlation_id=envelope.correlation_id, causation_id=envelope.event_id)
        try:
            await self.reaction.answers[row["type"]](recorded, cause, by)
        except Exception as error:  # whatever it is, it is raised again until it is the record's fault
            if self.via == BY_TOPIC and not isinstance(error, NEVER_THE_RECORDS):
                raise NotByTopic from error  # it may be made up: whether its handler fails says nothing of the log's record
            return await self.follower.judged(self.key, row["position"], error)
        return None

    async def _park(self, row: Row, stream_id: str, cause: Cause, why: Unreadable, behind: str | None = None) -> None:
        """Set a record aside, and move past it. Raises NotByTopic for one that came by a topic."""
        if self.via == BY_TOPIC:
            raise NotByTopic
        troubles = self.follower.troubles
        fact = parked(troubles.service, self.reaction.consumer, row, why, behind)
        by = By(f"system:{self.reaction.consumer}", row["correlation_id"], row["event_id"])
        known = self.known.get(stream_id, Known())
        self.known[stream_id] = await troubles.park(fact, stream_id, known, by, cause, row["read_at"])

    async def catch_up(self) -> None:
        """Move past the records that this consumer has no answer for."""
        if self.skipped is not None:
            by = By(actor=f"system:{self.reaction.consumer}", correlation_id="feed")
            await self.follower.troubles.commands.move(self._cause(self.skipped), by)
            self._moved(self.skipped, self.skipping)
            self.skipped, self.skipping = None, 0

    def _see(self, row: Row) -> None:
        """Remember a record that came by the topic, for the commit that moves past it."""
        if self.via == BY_TOPIC:
            self.seen.append((row["position"], sha256(row["record"]).digest()))

    def _cause(self, position: int) -> Cause:
        return Cause(*self.key, self.applied, position, tuple(self.seen))

    def _moved(self, position: int, records: int) -> None:
        """Note that the log says so."""
        self.applied = position
        self.seen.clear()
        FED.labels(*self.key[:2], self.via).inc(records)
