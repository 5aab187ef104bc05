"""People: who is known, and how they are reached."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.checkin.application.core import Core
from services.checkin.domain import (
    WORKER,
    RegisterWorker,
    SetContactPoints,
)
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.visits import Channel, ContactPoint
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.log import By
from shared.runtime.sealing import Erased

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.checkin.domain import WorkerCommand
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class ContactPointGiven:
    """A way to reach a person as somebody sends it: clear, and sealed before anything is decided."""

    channel: Channel
    address: str
    secret: str | None


class People(Core):
    """What concerns one person. Every method raises Forbidden and Rejected."""

    async def register_worker(self, caller: Caller, worker_id: str | None, site_id: str, name: str) -> Handled:
        """Make a person known, at the site that looks after them."""
        allowed = await self.authorise_at(caller.identity, "register_worker", site_id)
        worker_id = worker_id or new_id()
        stream_id, site = stream_of("worker", worker_id), stream_of("site", site_id)
        sealed = await self.keyring.seal(worker_id, name)

        def decide(loaded: Loaded) -> Decided:
            known = site_id == OPERATOR_SITE or bool(loaded[site].version)
            command = RegisterWorker(worker_id, site_id, sealed, known, loaded.now)
            registered = write(WORKER, loaded[stream_id], lambda state: WORKER.decide(command, state), site_id=site_id)
            return Decided([registered], allowed.guards, {"worker_id": worker_id})

        return await self.commands.handle("register_worker", [stream_id, site], decide, caller.by, caller.outside)

    async def set_contact_points(self, caller: Caller, worker_id: str, given: Sequence[ContactPointGiven]) -> Handled:
        """Say how a person is reached from now on. A point that stays the same keeps its id: alarms under way carry it."""
        worker = await self.worker(worker_id)
        allowed = await self.authorise_at(
            caller.identity, "set_contact_points", worker.site_id, own=worker_id == caller.identity.worker_id
        )
        kept = await self._opened(worker_id)
        points = [await self._kept_or_new(worker_id, point, kept) for point in given]
        answer = {"contact_point_ids": [point.contact_point_id for point in points]}
        return await self._on_worker(
            "set_contact_points",
            caller,
            worker_id,
            lambda now: SetContactPoints(tuple(points), now),
            allowed.guards,
            answer,
        )

    async def _opened(self, worker_id: str) -> list[tuple[ContactPointGiven, ContactPoint]]:
        """Return how a person is reached so far, opened; without what cannot be opened any more."""
        opened = []
        for point in WORKER.fold(await self.history(stream_of("worker", worker_id))).contact_points:
            with suppress(Erased):
                address = await self.keyring.open(point.address)
                secret = None if point.secret is None else await self.keyring.open(point.secret)
                opened.append((ContactPointGiven(point.channel, address, secret), point))
        return opened

    async def _kept_or_new(
        self, worker_id: str, given: ContactPointGiven, kept: list[tuple[ContactPointGiven, ContactPoint]]
    ) -> ContactPoint:
        """Return the contact point that says just this, taken from ``kept``, or else a new one."""
        for entry in kept:
            if entry[0] == given:
                kept.remove(entry)
                return entry[1]
        return ContactPoint(
            contact_point_id=new_id(),
            channel=given.channel,
            address=await self.keyring.seal(worker_id, given.address),
            secret=await self.seal(worker_id, given.secret),
        )

    async def _on_worker(
        self,
        name: str,
        caller: Caller,
        worker_id: str,
        make: Callable[[datetime], WorkerCommand],
        guards: Mapping[str, int],
        answer: Mapping[str, object],
        occurred_at: datetime | None = None,
    ) -> Handled:
        stream_id = stream_of("worker", worker_id)

        def decide(loaded: Loaded) -> Decided:
            written = write(WORKER, loaded[stream_id], lambda state: WORKER.decide(make(loaded.now), state))
            return Decided([written], guards, {"worker_id": worker_id, **answer})

        by = By(caller.by.actor, caller.by.correlation_id, occurred_at=occurred_at)
        return await self.commands.handle(name, [stream_id], decide, by, caller.outside)
