"""A timeline at a glance: what became of the visit, and of each escalation. One pass over the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.audit.domain.lines import EscalationSummary, StepSummary, Summary, TaskSummary
from shared.contracts.asks import Ask
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import (
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.notifications import AttemptStarted, NotificationQueued
from shared.contracts.situations import WorkerDuressSignalled, WorkerSituationReported
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from shared.contracts.visits import (
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitPlanned,
    VisitRefused,
    VisitStarted,
    WorkerHelpRequested,
)


def summarise(history: Sequence[Recorded]) -> Summary:
    """Return the summary of a history."""
    summary = Summary("absent")
    asked_by: dict[str, str] = {}
    for recorded in history:
        match recorded.event:
            case TimelineDisclosed():
                continue
            case NotificationQueued(notification_id=notification_id, escalation_id=escalation_id) if escalation_id:
                asked_by[notification_id] = escalation_id
            case AttemptStarted(notification_id=notification_id):
                summary = _attempted(summary, asked_by.get(notification_id), recorded.recorded_at)
            case _:
                summary = _of_task(_of_escalation(_of_visit(summary, recorded), recorded), recorded)
        summary = replace(summary, through=recorded.position)
    return summary


def _of_visit(summary: Summary, recorded: Recorded) -> Summary:
    match recorded.event:
        case VisitPlanned(site_id=site_id, worker_id=worker_id):
            return replace(summary, status="planned", site_id=site_id, worker_id=worker_id)
        case WorkerHelpRequested() | WorkerDuressSignalled() | WorkerSituationReported() as signalled:
            return replace(summary, site_id=signalled.site_id, worker_id=signalled.worker_id)
        case VisitApproved():
            return replace(summary, status="approved")
        case VisitRefused():
            return replace(summary, status="refused")
        case VisitCancelled():
            return replace(summary, status="cancelled")
        case VisitStarted():
            return replace(summary, status="started")
        case VisitEnded():
            return replace(summary, status="ended")
        case _:
            return summary


def _of_escalation(summary: Summary, recorded: Recorded) -> Summary:
    at = recorded.recorded_at
    match recorded.event:
        case EscalationOpened() as event:
            opened = EscalationSummary(event.escalation_id, event.trigger, event.due_at, at)
            return replace(summary, escalations=(*summary.escalations, opened))
        case (StepStarted(part=part) | EscalationExhausted(part=part)) as further if part > 1:
            known = _known(summary, further.escalation_id)
            return _with(summary, _told_too(known, further.asks)) if known and known.steps else summary
        case StepStarted(escalation_id=escalation_id, ladder_no=number, step=step, name=name, asks=asks):
            started = StepSummary(number, step, name, at, tuple(ask.worker_id for ask in asks))
        case EscalationExhausted(escalation_id=escalation_id, ladder_no=number, asks=asks):
            name = f"everyone, round {recorded.event.round}"
            started = StepSummary(number, None, name, at, tuple(ask.worker_id for ask in asks))
        case EscalationAcknowledged(escalation_id=escalation_id, by=by):
            known = _known(summary, escalation_id)
            if known is None or known.acknowledged_at is not None:
                return summary
            return _with(summary, replace(known, acknowledged_at=at, acknowledged_by=by))
        case EscalationResolved(escalation_id=escalation_id):
            known = _known(summary, escalation_id)
            return _with(summary, replace(known, resolved_at=at)) if known else summary
        case EscalationStoodDown(escalation_id=escalation_id):
            known = _known(summary, escalation_id)
            return _with(summary, replace(known, stood_down_at=at)) if known else summary
        case EscalationLapsed(escalation_id=escalation_id):
            known = _known(summary, escalation_id)
            return _with(summary, replace(known, lapsed_at=at)) if known else summary
        case _:
            return summary
    known = _known(summary, escalation_id)
    return _with(summary, replace(known, steps=(*known.steps, started))) if known else summary


def _of_task(summary: Summary, recorded: Recorded) -> Summary:
    event, at = recorded.event, recorded.recorded_at
    if not isinstance(event, StepStarted | TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone):
        return summary
    known = _known(summary, event.escalation_id)
    if known is None:
        return summary
    if isinstance(event, StepStarted) and event.part == 1:
        offered = TaskSummary(event.ladder_no, event.step, event.name, at, _asked(event.asks))
        return _with(summary, replace(known, tasks=(*known.tasks, offered))) if event.task else summary
    tasks = tuple(
        _after(task, event, at) if (task.ladder_no, task.step) == (event.ladder_no, event.step) else task
        for task in known.tasks
    )
    return _with(summary, replace(known, tasks=tasks))


def _after(
    task: TaskSummary, event: StepStarted | TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone, at: datetime
) -> TaskSummary:
    match event:
        case TaskTaken(by=by):
            return replace(task, taken_at=at, taken_by=by)
        case StepStarted(asks=asks) | TaskHandedOver(asks=asks):
            return replace(task, offered_to=_asked(asks, task.offered_to))
        case TaskPassedOn(part=part, asks=asks) if part > 1:
            return replace(task, offered_to=_asked(asks, task.offered_to))
        case TaskPassedOn(asks=asks):
            return replace(task, taken_at=None, taken_by=None, offered_to=_asked(asks, task.offered_to))
        case TaskDone(by=by, outcome=outcome) as done:
            said = replace(task, done_at=at, done_by=by, outcome=outcome, late=done.late)
            return replace(said, left_at=done.left_at, called_at=done.called_at)


def _asked(asks: tuple[Ask, ...], before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return whom these asks name, after those before, each once."""
    return tuple(dict.fromkeys((*before, *(ask.worker_id for ask in asks))))


def _told_too(known: EscalationSummary, asks: tuple[Ask, ...]) -> EscalationSummary:
    """Add those whom a further part of a step's event tells."""
    last = known.steps[-1]
    last = replace(last, told=(*last.told, *(ask.worker_id for ask in asks)))
    return replace(known, steps=(*known.steps[:-1], last))


def _attempted(summary: Summary, escalation_id: str | None, at: datetime) -> Summary:
    known = _known(summary, escalation_id)
    if known is None or known.first_attempt_at is not None:
        return summary
    return _with(summary, replace(known, first_attempt_at=at))


def _known(summary: Summary, escalation_id: str | None) -> EscalationSummary | None:
    return next((known for known in summary.escalations if known.escalation_id == escalation_id), None)


def _with(summary: Summary, changed: EscalationSummary) -> Summary:
    """Put an escalation in the place of what was known of it."""
    escalations = (changed if known.escalation_id == changed.escalation_id else known for known in summary.escalations)
    return replace(summary, escalations=tuple(escalations))
