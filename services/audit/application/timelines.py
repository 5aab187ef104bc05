"""What audit does for a caller: tell a timeline, and record that it was told before it is; list visits.

Loads, authorises, decides, appends, opens. What a timeline says is the domain's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.audit.domain import (
    DISCLOSURE,
    REFUSALS,
    RecordDisclosure,
    Timeline,
    What,
    concerned,
    people_in,
    shown,
    site_of,
    timeline_text,
    view,
)
from services.audit.readmodel import history_of_visit, history_of_worker, visits_of
from shared.contracts.base import stream_of
from shared.contracts.visits import WorkerRegistered
from shared.decider import Rejected
from shared.runtime.commands import Commands, Decided, write
from shared.runtime.identity import Allowed, Authority, Identity
from shared.runtime.ids import new_id
from shared.runtime.log import By, Loaded
from shared.runtime.sealing import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.runtime.postgres import Pool

__all__ = ["REFUSALS", "Application", "timeline_text"]

_READ = "read_timeline"


@dataclass(frozen=True)
class Application:
    """Everything that audit answers."""

    pool: Pool
    commands: Commands
    keyring: Keyring
    authority: Authority

    async def visit_timeline(self, reader: Identity, visit_id: str) -> dict[str, Any]:
        """Return the timeline of a visit; its worker's own where its worker reads it, whatever roles they hold.

        Raises Rejected, Forbidden, and what the log raises.
        """
        loaded = await self.commands.load([])
        history = await history_of_visit(self.pool, visit_id)
        own = reader.worker_id in concerned(recorded.event for recorded in history.events)
        seen = view(history.events, history.unreadable, loaded.now, reader.worker_id if own else None)
        site_id = site_of(seen.events)
        if site_id is None:
            raise Rejected("visit_unknown")
        allowed = await self.authority.authorise(reader, _READ, site_id, own=own)
        await self.disclose(reader, allowed, seen.through, visit_id, site_id, visit_id=visit_id)
        # A crash here leaves a disclosure without an answer: more was recorded than was read, never less.
        return {**await self._shown(seen.told, {"visit_id": visit_id}), "unreadable": list(seen.unreadable)}

    async def worker_timeline(self, reader: Identity, worker_id: str) -> dict[str, Any]:
        """Return the timeline of what happened to a worker without a visit. Goes and raises as ``visit_timeline``."""
        stream_id = stream_of("worker", worker_id)
        loaded = await self.commands.load([stream_id])
        own = reader.worker_id == worker_id
        history = await history_of_worker(self.pool, worker_id)
        seen = view(history.events, history.unreadable, loaded.now, worker_id if own else None)
        registered = [event for event in loaded[stream_id].events if isinstance(event, WorkerRegistered)]
        site_id = site_of([*registered, *seen.events])
        if site_id is None:
            raise Rejected("worker_unknown")
        allowed = await self.authority.authorise(reader, _READ, site_id, own=own)
        await self.disclose(reader, allowed, seen.through, worker_id, site_id, visit_id=None)
        return {**await self._shown(seen.told, {"worker_id": worker_id}), "unreadable": list(seen.unreadable)}

    async def visits(self, reader: Identity, site_id: str, before: int | None) -> list[dict[str, Any]]:
        """Return the newest visits of a site with their first and last positions. Raises Forbidden."""
        await self.authority.authorise(reader, _READ, site_id)
        return [dict(row) for row in await visits_of(self.pool, site_id, before, reader.worker_id)]

    async def disclose(
        self,
        reader: Identity,
        allowed: Allowed,
        through: int,
        subject_id: str,
        site_id: str,
        *,
        visit_id: str | None,
        what: What = "timeline",
    ) -> None:
        """Record that this person is shown this, up to a position of the log, before it is."""
        stream_id = stream_of("disclosure", subject_id)

        def decide(loaded: Loaded) -> Decided:
            command = RecordDisclosure(subject_id, reader.worker_id, through, loaded.now, what)
            disclosed = write(
                DISCLOSURE,
                loaded[stream_id],
                lambda state: DISCLOSURE.decide(command, state),
                visit_id=visit_id,
                site_id=site_id,
            )
            return Decided([disclosed], guards=allowed.guards)

        by = By(actor=reader.worker_id, correlation_id=new_id())
        await self.commands.handle(_READ, [stream_id], decide, by)

    async def _shown(self, told: Timeline, subject: Mapping[str, str]) -> dict[str, Any]:
        opened = {
            (line.position or 0, name): await self.keyring.open_or(sealed)
            for line in told.lines
            for name, sealed in line.sealed.items()
        }
        concerned = {worker_id for worker_id in (told.summary.worker_id, subject.get("worker_id")) if worker_id}
        return shown(told, subject, await self._names({*people_in(told), *concerned}), opened)

    async def _names(self, worker_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of these people; whoever is not registered has none."""
        streams: Sequence[str] = [stream_of("worker", worker_id) for worker_id in sorted(worker_ids)]
        loaded = await self.commands.load(streams)
        return {
            event.worker_id: await self.keyring.open_or(event.name)
            for stream_id in streams
            for event in loaded[stream_id].events
            if isinstance(event, WorkerRegistered)
        }
