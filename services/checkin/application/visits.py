"""What people ask of a visit. Every method raises Forbidden and Rejected; a call for help is never refused for its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.on_visit import OnVisit
from services.checkin.application.people import People
from services.checkin.domain import (
    ApproveVisit,
    AskForHelp,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    RefuseVisit,
    StartVisit,
)
from shared.contracts.envelope import Undecodable
from shared.contracts.visits import AssessmentRecorded, VisitApproved
from shared.decider import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from services.checkin.domain import VisitCommand
    from shared.contracts.policy import Policy
    from shared.runtime.commands import Handled
    from shared.runtime.identity import Allowed
    from shared.runtime.web import Caller


class Visits(OnVisit, People):
    """What happens to visits because somebody asks."""

    async def approve_visit(
        self, caller: Caller, visit_id: str, assessment_id: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Approve a visit on the strength of an assessment: the one given, or else the plan's."""
        plan, _ = await self.visit(visit_id)

        def make(
            policy: Policy, assessment: AssessmentRecorded | None, allowed: Allowed, now: datetime
        ) -> VisitCommand:
            return ApproveVisit(caller.identity.worker_id, allowed.roles, policy, assessment, now)

        assessment_id = assessment_id or plan.assessment_id
        return await self._on_gated("approve_visit", caller, plan, assessment_id, make, occurred_at)

    async def refuse_visit(
        self, caller: Caller, visit_id: str, reason: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Refuse a visit."""
        plan, _ = await self.visit(visit_id)
        allowed = await self.authorise_at(caller.identity, "refuse_visit", plan.site_id)
        sealed = await self.seal(plan.worker_id, note)

        def make(policy: Policy, _: AssessmentRecorded | None, __: Allowed, now: datetime) -> VisitCommand:
            return RefuseVisit(caller.identity.worker_id, allowed.roles, policy, reason, sealed, now)

        return await self._on_gated("refuse_visit", caller, plan, None, make, occurred_at)

    async def start_visit(
        self, caller: Caller, visit_id: str, answers: Mapping[str, bool], occurred_at: datetime | None
    ) -> Handled:
        """Start a visit; the assessment that it was approved on is looked at again."""
        plan, events = await self.visit(visit_id)
        approved = [event.assessment_id for event in events if isinstance(event, VisitApproved)]

        def make(policy: Policy, assessment: AssessmentRecorded | None, _: Allowed, now: datetime) -> VisitCommand:
            return StartVisit(answers, policy, assessment, now)

        assessment_id = approved[0] if approved else plan.assessment_id
        return await self._on_gated("start_visit", caller, plan, assessment_id, make, occurred_at)

    async def check_in(self, caller: Caller, visit_id: str, occurred_at: datetime | None) -> Handled:
        """Say that all is well."""
        return await self._on_visit("check_in", caller, visit_id, CheckIn, occurred_at)

    async def extend_visit(
        self, caller: Caller, visit_id: str, expected_end_at: datetime, occurred_at: datetime | None
    ) -> Handled:
        """Give a new expected end."""
        return await self._on_visit(
            "extend_visit", caller, visit_id, lambda now: ExtendVisit(expected_end_at, now), occurred_at
        )

    async def end_visit(self, caller: Caller, visit_id: str, reason: str, occurred_at: datetime | None) -> Handled:
        """Report the end of a visit."""
        return await self._on_visit("end_visit", caller, visit_id, lambda now: EndVisit(reason, now), occurred_at)

    async def cancel_visit(self, caller: Caller, visit_id: str, reason: str, occurred_at: datetime | None) -> Handled:
        """Call a visit off before it starts."""
        return await self._on_visit("cancel_visit", caller, visit_id, lambda now: CancelVisit(reason, now), occurred_at)

    async def ask_for_help(
        self, caller: Caller, visit_id: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Take a call for help on a visit, whatever became of it; on an unknown visit it is the caller's own."""
        try:
            plan, _ = await self.visit(visit_id)
        except (Rejected, Undecodable):  # a visit that cannot be read must not keep a call for help out
            return await self.ask_for_help_without_visit(caller, caller.identity.worker_id, note, occurred_at)
        own = plan.worker_id == caller.identity.worker_id
        await self.authorise_at(caller.identity, "ask_for_help", plan.site_id, own=own)  # sealing may make a key
        sealed = await self.seal(plan.worker_id, note)
        return await self._on_visit("ask_for_help", caller, visit_id, lambda now: AskForHelp(sealed, now), occurred_at)
