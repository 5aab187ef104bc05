"""What people ask of a visit. Every method raises Forbidden and Rejected; calls for help stand in ``help``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.duress import Duress
from services.checkin.application.gated import Basis, Gated
from services.checkin.application.situations import Situations
from services.checkin.domain import (
    ApproveVisit,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    RefuseVisit,
    ReportVisit,
    StartVisit,
)
from shared.contracts.envelope import Newer
from shared.contracts.visits import VisitApproved
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from services.checkin.domain import Outages, VisitCommand
    from shared.runtime.commands import Handled
    from shared.runtime.web import Caller


class Visits(Situations, Duress, Gated):
    """What happens to visits because somebody asks."""

    async def approve_visit(
        self, caller: Caller, visit_id: str, assessment_id: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Approve a visit on the strength of an assessment: the one given, or else the plan's."""
        plan, _ = await self.visit(visit_id)

        def make(on: Basis) -> VisitCommand:
            by = caller.identity.worker_id
            return ApproveVisit(by, on.roles, on.policy, on.assessment, on.assessment_version, on.now)

        assessment_id = assessment_id or plan.assessment_id
        return await self._on_gated("approve_visit", caller, plan, assessment_id, make, occurred_at)

    async def refuse_visit(
        self, caller: Caller, visit_id: str, reason: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Refuse a visit."""
        plan, _ = await self.visit(visit_id)
        await self.authorise_at(caller.identity, "refuse_visit", plan.site_id)  # sealing may make a key
        sealed = await self.seal(plan.worker_id, note)

        def make(on: Basis) -> VisitCommand:
            return RefuseVisit(caller.identity.worker_id, on.roles, on.policy, reason, sealed, on.now)

        return await self._on_gated("refuse_visit", caller, plan, None, make, occurred_at)

    async def start_visit(
        self, caller: Caller, visit_id: str, answers: Mapping[str, bool], occurred_at: datetime | None
    ) -> Handled:
        """Start a visit. What now stands under the id of the assessment that it was approved on is looked at again.

        Only a responder can have replaced it since, so whatever stands there was approved or recorded by one later.
        """
        plan, events = await self.visit(visit_id)
        approved = [event.assessment_id for event in events if isinstance(event, VisitApproved)]

        def make(on: Basis) -> VisitCommand:
            return StartVisit(answers, on.policy, on.assessment, on.now)

        assessment_id = approved[0] if approved else plan.assessment_id
        return await self._on_gated("start_visit", caller, plan, assessment_id, make, occurred_at)

    async def check_in(
        self, caller: Caller, visit_id: str, occurred_at: datetime | None, pin: str | None = None
    ) -> Handled:
        """Say that all is well."""
        return await self._with_pin("check_in", caller, visit_id, pin, CheckIn, occurred_at)

    async def extend_visit(
        self,
        caller: Caller,
        visit_id: str,
        expected_end_at: datetime,
        occurred_at: datetime | None,
        pin: str | None = None,
    ) -> Handled:
        """Give a new expected end."""

        def make(now: datetime, outages: Outages) -> VisitCommand:
            return ExtendVisit(expected_end_at, now, outages)

        return await self._with_pin("extend_visit", caller, visit_id, pin, make, occurred_at)

    async def end_visit(
        self, caller: Caller, visit_id: str, reason: str, occurred_at: datetime | None, pin: str | None = None
    ) -> Handled:
        """Report the end of a visit. Where it was not safe somebody is told, whether or not the visit can be ended."""

        def make(now: datetime, outages: Outages) -> VisitCommand:
            return EndVisit(reason, now, outages)

        try:
            return await self._with_pin("end_visit", caller, visit_id, pin, make, occurred_at)
        except (Unavailable, Newer, *LOST):
            raise  # answered 503, so the device sends it again, and then it is decided again
        except Exception:
            await self.unsafe_all_the_same(caller, visit_id, reason, occurred_at)
            raise

    async def _with_pin(
        self,
        operation: str,
        caller: Caller,
        visit_id: str,
        pin: str | None,
        make: Callable[[datetime, Outages], VisitCommand],
        occurred_at: datetime | None,
    ) -> Handled:
        async def ask(duress: bool) -> Handled:  # noqa: FBT001 -- the one thing that it is told
            return await self._on_watched(operation, caller, visit_id, make, occurred_at, duress=duress)

        return await self.with_pin(operation, caller, visit_id, pin, ask)

    async def report_visit(
        self, caller: Caller, visit_id: str, went: str, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Report how a visit that has ended went."""
        plan, _ = await self.visit(visit_id)
        own = plan.worker_id == caller.identity.worker_id
        await self.authorise_at(caller.identity, "report_visit", plan.site_id, own=own)  # sealing may make a key
        sealed = await self.seal(plan.worker_id, note)

        def make(now: datetime) -> VisitCommand:
            return ReportVisit(caller.identity.worker_id, went, sealed, now)

        return await self._on_visit("report_visit", caller, visit_id, make, occurred_at)

    async def cancel_visit(self, caller: Caller, visit_id: str, reason: str, occurred_at: datetime | None) -> Handled:
        """Call a visit off before it starts."""
        return await self._on_visit("cancel_visit", caller, visit_id, lambda now: CancelVisit(reason, now), occurred_at)
