"""Calls for help, and whatever else is signalled: taken on the visit, on the person, or else on whoever calls.

Nothing that is wrong keeps one out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from services.checkin.application.on_visit import OnVisit
from services.checkin.application.people import People
from services.checkin.domain import AskForHelp, AskForHelpWithoutVisit
from shared.contracts.base import Id
from shared.contracts.envelope import Undecodable
from shared.decider import Rejected
from shared.runtime.identity import Forbidden
from shared.runtime.log import OtherContent, WrongExpectedVersion

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from services.checkin.domain import VisitCommand, WorkerCommand
    from shared.contracts.base import Sealed
    from shared.runtime.commands import Handled
    from shared.runtime.web import Caller

_ID: TypeAdapter[str] = TypeAdapter(Id)


@dataclass(frozen=True)
class Signalled:
    """What somebody signals: by which operation, with what note, and when by the device's clock."""

    operation: str
    note: str | None
    occurred_at: datetime | None


OnAVisit = Callable[["Sealed | None", "datetime"], "VisitCommand"]
"""The command on a visit, of the sealed note and the log's time."""

WithoutVisit = Callable[["Sealed | None", "datetime", "str | None"], "WorkerCommand"]
"""The command on a person's own stream, of the sealed note, the log's time, and the caller where it is their own."""


def is_id(text: str) -> bool:
    """Say whether anything could have this id."""
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True


class Help(OnVisit, People):
    """Takes calls for help, and whatever else nothing may keep out."""

    async def ask_for_help(
        self, caller: Caller, visit_id: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Take a call on a visit, whatever became of it; where that cannot be, it is the caller's own."""

        def make(sealed: Sealed | None, now: datetime) -> AskForHelp:
            return AskForHelp(sealed, now)

        about = Signalled("ask_for_help", note, occurred_at)
        return await self.signal_on_visit(caller, visit_id, about, make, AskForHelpWithoutVisit)

    async def ask_for_help_without_visit(
        self, caller: Caller, worker_id: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Take a call of a person, or for them, who is on no visit; where that cannot be, it is the caller's own."""
        about = Signalled("ask_for_help", note, occurred_at)
        return await self.signal_without_visit(caller, worker_id, about, AskForHelpWithoutVisit)

    async def signal_on_visit(
        self, caller: Caller, visit_id: str, signalled: Signalled, make: OnAVisit, else_own: WithoutVisit
    ) -> Handled:
        """Take what somebody signals on a visit, or else on the caller."""

        async def on_visit(caller: Caller) -> Handled:
            plan, _ = await self.visit(visit_id)
            own = plan.worker_id == caller.identity.worker_id
            await self.authorise_at(caller.identity, signalled.operation, plan.site_id, own=own)  # sealing makes a key
            sealed = await self.seal_or_drop(plan.worker_id, signalled.note)
            return await self._on_visit(
                signalled.operation, caller, visit_id, lambda now: make(sealed, now), signalled.occurred_at
            )

        return await self._taken(caller, visit_id, on_visit, signalled, else_own)

    async def signal_without_visit(
        self, caller: Caller, worker_id: str, signalled: Signalled, make: WithoutVisit
    ) -> Handled:
        """Take what somebody signals of a person, or else of the caller."""

        async def on_worker(caller: Caller) -> Handled:
            worker = await self.worker(worker_id)
            own = worker_id == caller.identity.worker_id
            await self.authorise_at(caller.identity, signalled.operation, worker.site_id, own=own)
            return await self._of_person(caller, worker_id, signalled, make)

        return await self._taken(caller, worker_id, on_worker, signalled, make)

    async def _taken(
        self,
        caller: Caller,
        about: str,
        ask: Callable[[Caller], Awaitable[Handled]],
        signalled: Signalled,
        else_own: WithoutVisit,
    ) -> Handled:
        """Take it as it was meant, or else as the caller's own: nothing that keeps it from there is a reason to refuse it."""
        if is_id(about):
            try:
                return await _under_any_key(caller, ask)
            except (Forbidden, Rejected, Undecodable, WrongExpectedVersion):
                pass

        async def own(caller: Caller) -> Handled:
            return await self._of_person(caller, caller.identity.worker_id, signalled, else_own)

        return await _under_any_key(caller, own)

    async def _of_person(self, caller: Caller, worker_id: str, signalled: Signalled, make: WithoutVisit) -> Handled:
        """Take it on a person's own stream. It rests on no grant, so it guards none."""
        sealed = await self.seal_or_drop(worker_id, signalled.note)
        own = worker_id if worker_id == caller.identity.worker_id else None
        return await self._on_worker(
            signalled.operation, caller, worker_id, lambda now: make(sealed, now, own), {}, {}, signalled.occurred_at
        )


async def _under_any_key(caller: Caller, ask: Callable[[Caller], Awaitable[Handled]]) -> Handled:
    """Ask under the caller's key; where it was used for another request, under one made of it and of this content.

    So a device that uses a key twice by mistake is not refused, and the same call sent again is still one call.
    """
    try:
        return await ask(caller)
    except OtherContent:
        key = f"help:{sha256(caller.outside.id.encode() + caller.outside.digest).hexdigest()}"
        return await ask(replace(caller, outside=replace(caller.outside, id=key), correlation_id=key))
