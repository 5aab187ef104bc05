"""Danger that somebody signals on a visit: help, duress, a situation. Nothing that exists is too early or too late for it.

None of it changes the watch: whoever looks at the visit alone cannot tell that anything was signalled.
"""

from __future__ import annotations

from services.checkin.domain.commands import AskForHelp, ReportSituation, SignalDuress
from services.checkin.domain.state import Visit
from services.checkin.domain.watch import planned
from shared.contracts.base import Event
from shared.contracts.situations import VisitDuressSignalled, VisitSituationReported
from shared.contracts.visits import VisitHelpRequested, VisitPlanned


def ask_for_help(command: AskForHelp, visit: Visit) -> list[Event]:
    """Record a call for help, whatever became of the visit."""
    plan = planned(visit)
    return [
        VisitHelpRequested(
            visit_id=plan.visit_id,
            worker_id=plan.worker_id,
            site_id=plan.site_id,
            policy_id=plan.policy_id,
            policy_version=plan.policy_version,
            note=command.note,
        ),
    ]


def report_situation(command: ReportSituation, visit: Visit) -> list[Event]:
    """Record what is the matter, whatever became of the visit."""
    reported = unsafe(planned(visit))
    return [reported.model_copy(update={"situation": command.situation, "note": command.note})]


def unsafe(plan: VisitPlanned) -> VisitSituationReported:
    """Return that it was not safe on a visit."""
    return VisitSituationReported(
        visit_id=plan.visit_id,
        worker_id=plan.worker_id,
        site_id=plan.site_id,
        policy_id=plan.policy_id,
        policy_version=plan.policy_version,
        situation="unsafe",
    )


def signal_duress(command: SignalDuress, visit: Visit) -> list[Event]:
    """Record that the worker is not free, whatever became of the visit."""
    plan = planned(visit)
    return [
        VisitDuressSignalled(
            visit_id=plan.visit_id,
            worker_id=plan.worker_id,
            site_id=plan.site_id,
            policy_id=plan.policy_id,
            policy_version=plan.policy_version,
            with_command=command.with_command,
        ),
    ]
