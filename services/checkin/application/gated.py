"""How a command reaches a visit that rests on the policy's gate: the policy as it was planned under, and an assessment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.checkin.application.core import policy_in, versions
from services.checkin.application.on_visit import OnVisit, decided_on_visit
from shared.contracts.base import stream_of
from shared.contracts.visits import AssessmentRecorded
from shared.runtime.log import By

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.checkin.domain import VisitCommand
    from shared.contracts.policy import Policy
    from shared.contracts.roles import Role
    from shared.contracts.visits import VisitPlanned
    from shared.runtime.commands import Decided, Handled
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


class Gated(OnVisit):
    """Handles commands on visits that the policy's gate decides about."""

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
