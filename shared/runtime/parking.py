"""What is parked in one service, and what may become of it: mended, replayed, discarded.

Replaying runs the same handler again, once for good: the place of the cause is taken by an id from outside. Then follows
what waits behind it, in the order of the log. Knows nothing of HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from shared.contracts.envelope import Newer, Recorded
from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.contracts.troubles import RecordDiscarded, RecordMended, RecordParked, RecordReplayed
from shared.decider import Rejected
from shared.runtime.consumers import NOT_THE_RECORDS, Follower, Reaction, ReadModel
from shared.runtime.log import By, Cause, Outside
from shared.runtime.reading import Unreadable, failed, mended, read
from shared.runtime.troubles import readable
from shared.trouble import Discard, Mend, Parked, Replay, TroubleState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from shared.runtime.receipts import Receipt

# What a service parked, and what became of it, oldest first. Uses event_trouble (position), where type is LIKE 'trouble.%'.
OF_RECORDS = """
SELECT position, record FROM log.event
WHERE topic = $1 AND position > $2 AND type LIKE 'trouble.%' AND type LIKE 'trouble.record%'
ORDER BY position LIMIT 500
"""

# One record with its columns.
ROW = "SELECT * FROM log.event WHERE position = $1"

MOST_LISTED = 500
"""Parked records in one answer: what is parked is the exception."""


@dataclass
class Released:
    """What took effect, in order, and where that came to an end."""

    replayed: list[str] = field(default_factory=list)
    stopped_at: str | None = None
    error: str | None = None
    """Which error arose where at the record that stopped it."""
    receipt: Receipt | None = None
    """For what was recorded last of the record that was asked for; none where that was on record already."""


@dataclass(frozen=True)
class Parking:
    """The parked records of one service, and the consumers that they wait for."""

    follower: Follower
    reactions: Sequence[Reaction]
    read_models: Sequence[ReadModel]

    async def waiting(self) -> list[Parked]:
        """Return what is parked and not settled, oldest first."""
        topic = TOPIC_OF_SERVICE[self.follower.troubles.service]
        found: dict[str, Parked] = {}
        rows = await self.follower.pool.fetch(OF_RECORDS, topic, 0)
        while rows:  # page by page: whoever watches in this process has its turn in between
            for event in readable(row["record"] for row in rows):
                match event:
                    case RecordParked():
                        found[event.parked_id] = Parked(event)
                    case RecordMended(parked_id=parked_id) if parked_id in found:
                        found[parked_id] = replace(found[parked_id], data=event.data)
                    case RecordReplayed(parked_id=parked_id) | RecordDiscarded(parked_id=parked_id):
                        found.pop(parked_id, None)
            rows = await self.follower.pool.fetch(OF_RECORDS, topic, rows[-1]["position"])
        return list(found.values())[:MOST_LISTED]

    async def find(self, parked_id: str) -> tuple[Parked, asyncpg.Record]:
        """Return a parked record and its row of the log. Raises Rejected for one that is not parked here."""
        position = parked_id.rpartition(".")[2]
        numeric = position.isascii() and position.isdigit() and len(position) < len(str(2**63))
        row = await self.follower.pool.fetchrow(ROW, int(position)) if numeric else None
        if row is not None:
            for visit_id in (row["visit_id"], None):
                state = await self._state(visit_id, row["stream_id"])
                if parked := state.find(parked_id):
                    return parked, row
        raise Rejected("parked_unknown")

    async def mend(self, parked_id: str, data: Mapping[str, Any], by: By) -> Receipt | None:
        """Give a parked record the data that it should have had. Raises Unreadable for data that is not of its type."""
        parked, row = await self.find(parked_id)
        mended(row, data)
        return await self._record(parked, Mend(parked_id, by.actor, data), by)

    async def replay(self, parked_id: str, by: By) -> Released:
        """Let a parked record take effect, and then what waits behind it.

        Raises Rejected where it was discarded or waits behind another, Unreadable where it cannot take effect yet.
        """
        parked, row = await self.find(parked_id)
        released = Released()
        if parked.settled is None:
            first = (await self._waiting(parked))[0]
            if parked.fact.behind is not None and first.fact.parked_id != parked_id:
                raise Rejected("parked_behind_another")
            await self._run(parked, row, by)
            released.replayed.append(parked_id)
        released.receipt = await self._record(parked, Replay(parked_id, by.actor), by)
        return await self._release(parked, by, released)

    async def discard(self, parked_id: str, reason: str, by: By) -> Released:
        """Let a parked record have no effect; what waits behind it takes effect. Raises Rejected."""
        parked, _ = await self.find(parked_id)
        receipt = await self._record(parked, Discard(parked_id, by.actor, reason), by)
        return await self._release(parked, by, Released(receipt=receipt))

    async def _release(self, settled: Parked, by: By, released: Released) -> Released:
        """Replay what waits behind a record that is settled, in order, up to one that is wrong itself."""
        # A crash here leaves the rest parked: asking again goes on from there.
        while waiting := await self._waiting(settled):
            following = waiting[0]
            if following.fact.behind is None:
                break
            parked_id = following.fact.parked_id
            try:
                await self._run(following, (await self.find(parked_id))[1], by)
            except Unreadable as wrong:
                released.stopped_at, released.error = parked_id, f"{wrong.reason} {wrong.detail}".strip()
                break
            await self._record(following, Replay(parked_id, by.actor), by)
            released.replayed.append(parked_id)
        return released

    async def _run(self, parked: Parked, row: asyncpg.Record, by: By) -> None:
        """Run the handler on a parked record. Raises Unreadable where it cannot be read or answered."""
        recorded = _said(parked, row)
        try:
            for reaction in self.reactions:
                if reaction.consumer == parked.fact.consumer:
                    await _answer(reaction, recorded, row, by)
            for model in self.read_models:
                if model.consumer == parked.fact.consumer:
                    await self._apply(model, recorded)
        except NOT_THE_RECORDS:
            raise
        except Exception as error:
            raise failed(error) from error

    async def _apply(self, model: ReadModel, recorded: Recorded) -> None:
        """Write the rows of one record. Twice where a crash came before it was said: rows can be rebuilt."""
        if write := model.applies.get(recorded.envelope.type):
            async with self.follower.pool.acquire() as connection, connection.transaction():
                await write(connection, recorded)

    async def _waiting(self, parked: Parked) -> tuple[Parked, ...]:
        state = await self._state(parked.fact.visit_id, parked.fact.record_stream_id)
        return state.waiting(parked.fact.consumer)

    async def _state(self, visit_id: str | None, stream_id: str) -> TroubleState:
        troubles = self.follower.troubles
        about = troubles.stream_of(visit_id, stream_id)
        known = (await troubles.known([about])).get(about)
        return known.state if known else TroubleState()

    async def _record(self, parked: Parked, command: Mend | Replay | Discard, by: By) -> Receipt | None:
        fact = parked.fact
        handled = await self.follower.troubles.record(
            fact.record_stream_id, command, visit_id=fact.visit_id, site_id=fact.site_id, by=by
        )
        return handled.outcome.receipt


def _said(parked: Parked, row: asyncpg.Record) -> Recorded:
    """Return what a parked record says: as it was mended, or as this release reads it now. Raises Unreadable."""
    if parked.data is not None:
        return mended(row, parked.data)
    try:
        return read(row)
    except Newer:
        raise Unreadable("newer_release") from None


async def _answer(reaction: Reaction, recorded: Recorded, row: asyncpg.Record, by: By) -> None:
    """Let a handler answer, once for good: by an id from outside that is of this record alone."""
    handler = reaction.answers.get(row["type"])
    if handler is not None:
        outside = Outside(f"parked:{reaction.consumer}", str(row["position"]), sha256(row["record"]).digest())
        who = By(by.actor, row["correlation_id"], row["event_id"])
        await handler(recorded, cast("Cause", outside), who)  # a handler hands it on and looks at nothing in it
