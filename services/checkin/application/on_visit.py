"""How a command reaches one visit: who may, what it rests on, and what is answered. Knows no single command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.core import Core
from services.checkin.application.outages import NEWEST, OUTAGES, have_on_record, outages_in
from services.checkin.domain import VISIT, SignalDuress
from shared.contracts.base import stream_of
from shared.runtime.commands import Decided, write
from shared.runtime.log import By
from shared.runtime.records import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from services.checkin.domain import Outages, Visit, VisitCommand
    from shared.contracts.base import Event
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


_NEVER_REFUSED = frozenset({"ask_for_help", "report_situation"})
"""What rests on no grant: whoever may not do it for the worker does it for themselves."""


def decided_on_visit(
    loaded: Loaded,
    visit_id: str,
    site_id: str,
    command: VisitCommand,
    guards: Mapping[str, int],
    duress: SignalDuress | None = None,
) -> Decided:
    """Decide a command on a visit. The answer says where the visit stands afterwards: a device shows it.

    ``duress`` comes before what the command gives, so that the answer's position is the command's own. Where the command
    gives nothing its answer has no position, and whoever signals duress has it recorded apart.
    """

    def decide(state: Visit) -> list[Event]:
        events = list(VISIT.decide(command, state))
        return [*VISIT.decide(duress, state), *events] if duress and events else events

    stream = loaded[stream_of("visit", visit_id)]
    written = write(VISIT, stream, decide, visit_id=visit_id, site_id=site_id)
    after = VISIT.fold([*stream.events, *written.events])
    return Decided([written], guards, {"visit_id": visit_id, **standing(after)})


def standing(visit: Visit) -> dict[str, object]:
    """Return where a visit stands, as it is answered. Nothing personal."""
    deadline = visit.due_at + visit.plan.grace if visit.plan and visit.due_at else None
    return {
        "status": visit.status,
        "missed": visit.missed,
        "due_at": visit.due_at and instant(visit.due_at),
        "deadline_at": deadline and instant(deadline),
    }


class OnVisit(Core):
    """Handles commands on visits."""

    async def _on_visit(
        self,
        operation: str,
        caller: Caller,
        visit_id: str,
        make: Callable[[datetime], VisitCommand],
        occurred_at: datetime | None,
    ) -> Handled:
        """Handle a command that rests on the visit alone. What is the worker's own rests on no grant, so it guards none."""
        return await self._handled(operation, caller, visit_id, lambda loaded: make(loaded.now), (), occurred_at)

    async def _on_watched(
        self,
        operation: str,
        caller: Caller,
        visit_id: str,
        make: Callable[[datetime, Outages], VisitCommand],
        occurred_at: datetime | None,
        *,
        duress: bool,
    ) -> Handled:
        """Handle a command that may come after a miss that nobody recorded: whether Lonewatch was away then counts too."""

        def with_outages(loaded: Loaded) -> VisitCommand:
            return make(loaded.now, outages_in(loaded))

        await have_on_record(self.note_outage)
        return await self._handled(operation, caller, visit_id, with_outages, (OUTAGES,), occurred_at, duress=duress)

    async def _handled(
        self,
        operation: str,
        caller: Caller,
        visit_id: str,
        make: Callable[[Loaded], VisitCommand],
        also: tuple[str, ...],
        occurred_at: datetime | None,
        *,
        duress: bool = False,
    ) -> Handled:
        plan, _ = await self.visit(visit_id)
        own = plan.worker_id == caller.identity.worker_id
        allowed = await self.authorise_at(caller.identity, operation, plan.site_id, own=own)
        guards = {} if own or operation in _NEVER_REFUSED else allowed.guards

        def decide(loaded: Loaded) -> Decided:
            signalled = SignalDuress(operation, loaded.now) if duress else None
            return decided_on_visit(loaded, visit_id, plan.site_id, make(loaded), guards, signalled)

        by = By(caller.by.actor, caller.by.correlation_id, occurred_at=occurred_at)
        streams = [stream_of("visit", visit_id), *also]
        return await self.commands.handle(operation, streams, decide, by, caller.outside, NEWEST)
