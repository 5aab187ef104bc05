"""What is awaited of a visit beside check-ins: an approval, the start, the end, the report; and who is told without it.

A deadline that took effect too late to be of use does nothing: what was awaited has come, or is not awaited any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.checkin.domain.commands import ReportVisit, TellOfAwaited
from services.checkin.domain.lateness import why_late
from services.checkin.domain.state import Visit
from shared.contracts.awaited import ApprovalOverdue, EndOverdue, ReminderDue, ReportOverdue, StartOverdue
from shared.contracts.base import Cites, Event
from shared.contracts.policy import Awaited
from shared.contracts.visits import VisitPlanned, VisitReported
from shared.decider import Rejected

KINDS = (
    "approval_overdue",
    "reminder_start",
    "start_overdue",
    "reminder_end",
    "end_overdue",
    "reminder_report",
    "report_overdue",
)
"""Every kind of deadline of what is awaited beside check-ins."""


@dataclass(frozen=True)
class Wait:
    """Something that is awaited until ``due_at``, and what follows then. ``agreed_at`` tells it from an earlier agreement."""

    kind: str
    agreed_at: datetime
    due_at: datetime
    cites: Cites
    reminds_of: Literal["start", "end", "report"] | None = None
    """Of what the worker is reminded then; None where others are told."""


def waits(visit: Visit) -> Iterator[Wait]:
    """Yield what a visit awaits in its state, and has not been told of."""
    return (wait for wait in _awaited(visit) if wait.kind not in visit.told)


def overdue(visit: Visit) -> list[str]:
    """Return what others were told of and is still awaited."""
    return [wait.kind for wait in _awaited(visit) if wait.kind in visit.told and wait.reminds_of is None]


def _awaited(visit: Visit) -> Iterator[Wait]:
    plan = visit.plan
    if plan is None:
        return
    awaits = plan.awaits
    match visit.status:
        case "planned" if awaits.approval and plan.approval_due_at:
            yield Wait("approval_overdue", plan.approval_due_at, plan.approval_due_at, awaits.approval.cites)
        case "approved" if awaits.start and visit.start_awaited_at:
            yield from _from(visit.start_awaited_at, "start", awaits.start)
        case "started" if awaits.end:
            yield from _from(visit.expected_end_at or plan.expected_end_at, "end", awaits.end)
        case "ended" if awaits.report and visit.report_due_at and not visit.report:
            if visit.remind_report_at:
                yield Wait(
                    "reminder_report", visit.report_due_at, visit.remind_report_at, awaits.report.cites, "report"
                )
            yield Wait("report_overdue", visit.report_due_at, visit.report_due_at, awaits.report.cites)
        case _:
            return


def _from(agreed_at: datetime, what: Literal["start", "end"], awaited: Awaited) -> Iterator[Wait]:
    if awaited.remind_after is not None:
        yield Wait(f"reminder_{what}", agreed_at, agreed_at + awaited.remind_after, awaited.cites, what)
    yield Wait(f"{what}_overdue", agreed_at, agreed_at + awaited.tell_after, awaited.cites)


def tell_of_awaited(command: TellOfAwaited, plan: VisitPlanned, visit: Visit) -> list[Event]:
    """Remind the worker, or record what is overdue; nothing where it came, was put off, was told or is not due."""
    return [
        _told(wait, command, plan, visit)
        for wait in waits(visit)
        if (wait.kind, wait.agreed_at) == (command.kind, command.agreed_at) and wait.due_at < command.now
    ]


def _told(wait: Wait, command: TellOfAwaited, plan: VisitPlanned, visit: Visit) -> Event:
    if wait.reminds_of is not None:
        return ReminderDue(
            visit_id=plan.visit_id,
            worker_id=plan.worker_id,
            reminder_id=f"{plan.visit_id}.r{visit.reminders + 1}",
            occasion=wait.reminds_of,
            due_at=wait.agreed_at,
            cites=wait.cites,
        )
    common: dict[str, Any] = {
        "visit_id": plan.visit_id,
        "worker_id": plan.worker_id,
        "site_id": plan.site_id,
        "due_at": wait.due_at,
        "detected_at": command.now,
        "late": why_late(wait.due_at, command.now, command.outages),
        "policy_id": plan.policy_id,
        "policy_version": plan.policy_version,
        "cites": wait.cites,
    }
    match wait.kind:
        case "approval_overdue":
            return ApprovalOverdue(**common)
        case "start_overdue":
            return StartOverdue(starts_at=plan.starts_at, **common)
        case "end_overdue":
            return EndOverdue(expected_end_at=wait.agreed_at, **common)
        case _:
            return ReportOverdue(**common)


def report(command: ReportVisit, plan: VisitPlanned, visit: Visit) -> list[Event]:
    """Record how the visit went. Whoever has something else to say may say it later too."""
    if visit.status != "ended":
        raise Rejected("not_ended")
    awaited = plan.awaits.report
    reported = VisitReported(
        visit_id=plan.visit_id,
        by=command.by,
        went=command.went,
        note=command.note,
        cites=awaited.cites if awaited else Cites(),
    )
    return [] if visit.report == reported else [reported]
