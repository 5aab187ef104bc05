"""What happens to visits by itself: deadlines that fall due, and escalations that end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.core import Core
from services.checkin.application.on_visit import decided_on_visit
from services.checkin.application.outages import NEWEST, OUTAGES, outages_in
from services.checkin.domain import ResumeWatch, command_of
from shared.contracts.base import stream_of
from shared.contracts.visits import VisitPlanned
from shared.decider import Deadline
from shared.runtime.commands import Decided
from shared.runtime.ids import new_id
from shared.runtime.log import By

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.checkin.domain import VisitCommand
    from shared.runtime.deadlines import Due
    from shared.runtime.log import Cause, Loaded

_VISIT = stream_of("visit", "")

COMMAND_OF_KIND = {
    "check_in_missed": "mark_check_in_missed",
    "reminder_before": "remind_worker",
    "reminder_at": "remind_worker",
    "approval_overdue": "mark_overdue",
    "reminder_start": "remind_worker",
    "start_overdue": "mark_overdue",
    "reminder_end": "remind_worker",
    "end_overdue": "mark_overdue",
    "reminder_report": "remind_worker",
    "report_overdue": "mark_overdue",
}
"""Each kind of deadline that a visit has, and the name under which its command is counted."""


class Watch(Core):
    """The watch over the visits that are started."""

    async def on_due(self, due: Due) -> None:
        """Propose what a deadline stands for. The decider tests it again; an empty answer brings its row in line."""
        deadline = Deadline(due.kind, due.subject, due.due_at)

        def make(loaded: Loaded) -> VisitCommand:
            return command_of(deadline, loaded.now, outages_in(loaded))

        decide = _on_known_visit(due.stream_id.removeprefix(_VISIT), make)
        by = By("system:checkin.clock", new_id())
        name, streams = COMMAND_OF_KIND[due.kind], [due.stream_id, OUTAGES]
        await self.commands.handle(name, streams, decide, by, tails=NEWEST)

    async def resume_watch(self, visit_id: str | None, escalation_id: str, cause: Cause, by: By) -> None:
        """Watch over a visit again whose escalation has ended. Without a visit there is nothing to watch."""
        if visit_id is None:
            await self.commands.handle("resume_watch", [], lambda _: Decided(), by, cause)
            return
        decide = _on_known_visit(visit_id, lambda loaded: ResumeWatch(escalation_id, loaded.now))
        await self.commands.handle("resume_watch", [stream_of("visit", visit_id)], decide, by, cause)


def _on_known_visit(visit_id: str, make: Callable[[Loaded], VisitCommand]) -> Callable[[Loaded], Decided]:
    """Return a decision on a visit that is empty where there is no such visit: nobody is there to be told no."""

    def decide(loaded: Loaded) -> Decided:
        history = loaded[stream_of("visit", visit_id)].events
        if not history or not isinstance(history[0], VisitPlanned):
            return Decided()
        return decided_on_visit(loaded, visit_id, history[0].site_id, make(loaded), {})

    return decide
