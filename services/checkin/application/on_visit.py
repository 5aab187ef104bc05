"""How a command reaches one visit: who may, what it rests on, and what is answered. Knows no single command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.checkin.application.core import Core, policy_in, versions
from services.checkin.application.outages import NEWEST, OUTAGES, have_on_record, outages_in
from services.checkin.domain import VISIT
from shared.contracts.base import stream_of
from shared.contracts.visits import AssessmentRecorded
from shared.runtime.commands import Decided, write
from shared.runtime.log import By
from shared.runtime.records import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from services.checkin.domain import Outages, Visit, VisitCommand
    from shared.contracts.policy import Policy
    from shared.contracts.roles import Role
    from shared.contracts.visits import VisitPlanned
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


_NEEDS_WATCH = frozenset({"approve_visit", "start_visit"})
"""What is not begun while nobody can be watched over. Everything else on a visit is taken whenever it can be committed."""


@dataclass(frozen=True)
class Basis:
    """What a command rests on that the policy's gate decides about."""

    policy: Policy
    """As it was when the visit was planned."""
    assessment: AssessmentRecorded | None
    """The latest of its id."""
    assessment_version: int
    roles: frozenset[Role]
    """Of the caller, at the visit's site."""
    now: datetime


def decided_on_visit(
    loaded: Loaded, visit_id: str, site_id: str, command: VisitCommand, guards: Mapping[str, int]
) -> Decided:
    """Decide a command on a visit. The answer says where the visit stands afterwards: a device shows it."""
    stream = loaded[stream_of("visit", visit_id)]
    written = write(VISIT, stream, lambda state: VISIT.decide(command, state), visit_id=visit_id, site_id=site_id)
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
    ) -> Handled:
        """Handle a command that may come after a miss that nobody recorded: whether Lonewatch was away then counts too."""

        def with_outages(loaded: Loaded) -> VisitCommand:
            return make(loaded.now, outages_in(loaded))

        await have_on_record(self.note_outage)
        return await self._handled(operation, caller, visit_id, with_outages, (OUTAGES,), occurred_at)

    async def _handled(
        self,
        operation: str,
        caller: Caller,
        visit_id: str,
        make: Callable[[Loaded], VisitCommand],
        also: tuple[str, ...],
        occurred_at: datetime | None,
    ) -> Handled:
        plan, _ = await self.visit(visit_id)
        own = plan.worker_id == caller.identity.worker_id
        allowed = await self.authorise_at(caller.identity, operation, plan.site_id, own=own)
        guards = {} if own or operation == "ask_for_help" else allowed.guards

        def decide(loaded: Loaded) -> Decided:
            return decided_on_visit(loaded, visit_id, plan.site_id, make(loaded), guards)

        by = By(caller.by.actor, caller.by.correlation_id, occurred_at=occurred_at)
        streams = [stream_of("visit", visit_id), *also]
        return await self.commands.handle(operation, streams, decide, by, caller.outside, NEWEST)

    async def _on_gated(
        self,
        operation: str,
        caller: Caller,
        plan: VisitPlanned,
        assessment_id: str | None,
        make: Callable[[Basis], VisitCommand],
        occurred_at: datetime | None,
    ) -> Handled:
        """Handle a command that rests on the policy as it was when the visit was planned, and on an assessment.

        Raises ImpairedError for what is not begun while the watch is impaired.
        """
        own = plan.worker_id == caller.identity.worker_id
        allowed = await self.authorise_at(caller.identity, operation, plan.site_id, own=own)
        visit, policy = stream_of("visit", plan.visit_id), stream_of("policy", plan.policy_id)
        risk = [stream_of("assessment", assessment_id)] if assessment_id else []

        def decide(loaded: Loaded) -> Decided:
            if operation in _NEEDS_WATCH:
                self.watch.require()  # not before: a repeat is answered as it was
            found = [event for stream in risk for event in loaded[stream].events]
            assessment = found[-1] if found and isinstance(found[-1], AssessmentRecorded) else None
            adopted = policy_in(loaded[policy], plan.policy_version)
            version = max((loaded[stream].version for stream in risk), default=0)
            command = make(Basis(adopted.policy, assessment, version, allowed.roles, loaded.now))
            guards = {**allowed.guards, **versions(loaded, *risk)}
            return decided_on_visit(loaded, plan.visit_id, plan.site_id, command, guards)

        by = By(caller.by.actor, caller.by.correlation_id, occurred_at=occurred_at)
        return await self.commands.handle(operation, [visit, policy, *risk], decide, by, caller.outside)
