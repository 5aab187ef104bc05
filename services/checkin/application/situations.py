"""Situations: what somebody says is the matter, on a visit or without one. Taken as calls for help are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.core import apart
from services.checkin.application.help import Help, Signalled
from services.checkin.domain import UNSAFE_ENDS, ReportSituation, ReportSituationWithoutVisit
from shared.contracts.envelope import Undecodable
from shared.decider import Rejected

if TYPE_CHECKING:
    from datetime import datetime

    from services.checkin.application.help import WithoutVisit
    from shared.contracts.base import Sealed
    from shared.contracts.ladders import Situation
    from shared.runtime.commands import Handled
    from shared.runtime.web import Caller


class Situations(Help):
    """Takes reports of situations."""

    async def report_situation(
        self, caller: Caller, visit_id: str, situation: Situation, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Take a report on a visit, whatever became of it; where that cannot be, it is the caller's own."""

        def make(sealed: Sealed | None, now: datetime) -> ReportSituation:
            return ReportSituation(situation, sealed, now)

        signalled = Signalled("report_situation", note, occurred_at)
        return await self.signal_on_visit(caller, visit_id, signalled, make, _of(situation))

    async def report_situation_without_visit(
        self, caller: Caller, worker_id: str, situation: Situation, note: str | None, occurred_at: datetime | None
    ) -> Handled:
        """Take a report of a person, or for them, who is on no visit; where that cannot be, it is the caller's own."""
        signalled = Signalled("report_situation", note, occurred_at)
        return await self.signal_without_visit(caller, worker_id, signalled, _of(situation))

    async def unsafe_all_the_same(
        self, caller: Caller, visit_id: str, reason: str, occurred_at: datetime | None
    ) -> None:
        """Let somebody know of an end that was refused, where its reason is that it was not safe."""
        try:
            plan, _ = await self.visit(visit_id)
            reasons = plan.unsafe_ends
        except (Rejected, Undecodable):
            reasons = UNSAFE_ENDS
        if reason in reasons:
            await self.report_situation(apart(caller, "unsafe"), visit_id, "unsafe", None, occurred_at)


def _of(situation: Situation) -> WithoutVisit:
    def make(sealed: Sealed | None, now: datetime, caller_id: str | None) -> ReportSituationWithoutVisit:
        return ReportSituationWithoutVisit(situation, sealed, now, caller_id)

    return make
