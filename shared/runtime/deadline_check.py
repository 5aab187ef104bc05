"""Compare the deadlines that stand in the log with those that follow from the histories of their streams.

A row that is missing is a person whom nobody watches over, so it is put right at once, by an empty command: the append
brings a stream's deadlines in line whatever it appends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import structlog

from shared.contracts.envelope import Newer
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.log import By
from shared.runtime.records import instant
from shared.runtime.self_checks import Check, Difference
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from shared.decider import Deadline, Decider
    from shared.runtime.commands import Commands
    from shared.runtime.log import Loaded, Stream
    from shared.runtime.postgres import Pool

MOST_STREAMS = 200
"""Streams of one look: in 30 s no installation needs more, and a larger one takes them in turn."""

AT_ONCE = 10
"""Streams read at a time: reading histories must not keep the clock of this process waiting."""

# The deadlines of some streams as they stand. Uses the primary key (stream_id, kind, subject).
ROWS = "SELECT stream_id, kind, subject, due_at FROM log.deadline WHERE stream_id = ANY ($1)"

Streams = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns at most so many ids of streams that are watched, in their order, from after one of them."""

Rows = frozenset[tuple[str, str, str]]
"""Kind, subject and instant of each deadline of one stream."""

log = structlog.get_logger()


@dataclass
class DeadlineCheck:
    """Looks at the streams of one kind, some at each look, and begins again after the last."""

    commands: Commands
    service: str
    decider: Decider[Any, Any, Any]
    kinds: Collection[str]
    """What this release knows; a deadline of another kind is a newer release's own."""
    streams: Streams
    after: str = ""

    @property
    def check(self) -> Check:
        """This, as one of the service's checks."""
        return Check("deadlines", self.look)

    async def look(self) -> Sequence[Difference]:
        """Return where the two differ, after having put it right."""
        stream_ids = list(await self.streams(self.after, MOST_STREAMS))
        self.after = stream_ids[-1] if len(stream_ids) == MOST_STREAMS else ""
        suspects = []
        for start in range(0, len(stream_ids), AT_ONCE):
            suspects += await self._suspects(stream_ids[start : start + AT_ONCE])
        # Whoever put it right meanwhile has said so: what does not differ any more is nothing.
        found = [await self._mend(stream_id) for stream_id in suspects]
        return [difference for difference in found if difference]

    async def _suspects(self, stream_ids: Sequence[str]) -> list[str]:
        """Return the streams whose rows are not as they should be.

        Rows and history are two looks: only a stream with the same version before and after the rows were read counts.
        """
        before = await self._load(stream_ids)
        rows = await stand(self.commands.pool, stream_ids)
        differ = [
            stream_id
            for stream_id, stream in before.items()
            if not stream.unreadable and self._expected(stream) != self._known(rows[stream_id])
        ]
        after = await self._load(differ) if differ else {}
        return [stream_id for stream_id, stream in after.items() if stream.version == before[stream_id].version]

    async def _load(self, stream_ids: Sequence[str]) -> Mapping[str, Stream]:
        """Load streams, without those that a later release wrote in: they are its own to look after."""
        try:
            return (await self.commands.load(stream_ids)).streams
        except Newer:
            found: dict[str, Stream] = {}
            for stream_id in stream_ids:
                with suppress(Newer):
                    found |= (await self.commands.load([stream_id])).streams
            return found

    def _expected(self, stream: Stream) -> Rows:
        state = self.decider.fold(cast("list[Any]", stream.events))
        return self._known(frozenset(map(_row, self.decider.deadlines(state))))

    def _known(self, rows: Rows) -> Rows:
        return frozenset(row for row in rows if row[0] in self.kinds)

    async def _mend(self, stream_id: str) -> Difference | None:
        """Put one stream's rows right and say what was wrong with them."""
        found = self._known((await stand(self.commands.pool, [stream_id]))[stream_id])

        def nothing(loaded: Loaded) -> Decided:
            return Decided([write(self.decider, loaded[stream_id], lambda _: [])])

        by = By(f"system:{self.service}", new_id())
        await self.commands.handle("put_deadlines_right", [stream_id], nothing, by)
        stream = (await self.commands.load([stream_id]))[stream_id]
        expected = self._expected(stream)
        if found == expected or not stream.history:
            return None
        envelope = stream.history[-1].envelope
        if envelope.release != RELEASE:
            log.warning("deadlines_of_another_release", stream_id=stream_id, release=envelope.release[:20])
            return None  # its deadlines followed from its own rules: an upgrade must not wake anybody
        return Difference(
            place=stream_id,
            expected=_said(expected),
            found=_said(found),
            mended=True,
            visit_id=envelope.visit_id,
            site_id=envelope.site_id,
        )


async def stand(pool: Pool, stream_ids: Sequence[str]) -> dict[str, Rows]:
    """Return the deadlines of streams as they stand in the log."""
    found: dict[str, set[tuple[str, str, str]]] = {stream_id: set() for stream_id in stream_ids}
    for row in await pool.fetch(ROWS, stream_ids):
        found[row["stream_id"]].add((row["kind"], row["subject"], instant(row["due_at"])))
    return {stream_id: frozenset(rows) for stream_id, rows in found.items()}


def _row(due: Deadline) -> tuple[str, str, str]:
    return due.kind, due.subject, instant(due.due_at)


def _said(rows: Rows) -> str:
    """Write deadlines for people, in their order; ids and instants only."""
    return "; ".join(" ".join(part for part in row if part) for row in sorted(rows)) or "none"
