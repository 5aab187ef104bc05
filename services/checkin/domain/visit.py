"""Decide what happens to a visit: from its plan over every check-in to its end.

No clock, no database, no Kafka: the same commands on the same history give the same events. Whoever may send a command
is decided elsewhere (``shared.contracts.roles``), but for the approver, whom the policy names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_never

from services.checkin.domain.awaiting import report, tell_of_awaited
from services.checkin.domain.commands import (
    ApproveVisit,
    AskForHelp,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    PlanVisit,
    RefuseVisit,
    RemindWorker,
    ReportSituation,
    ReportVisit,
    ResumeWatch,
    SignalDuress,
    StartVisit,
    TellOfAwaited,
    VisitCommand,
)
from services.checkin.domain.falling_due import deadlines
from services.checkin.domain.gate import check_answers, check_approver, check_assessment
from services.checkin.domain.situations import ask_for_help, report_situation, signal_duress, unsafe
from services.checkin.domain.state import Visit, evolve, next_due
from services.checkin.domain.watch import following, mark_missed, not_yet_recorded, planned, remind, resume, rhythm
from shared.contracts.base import Event, join_cites
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitStarted,
    WatchCites,
)
from shared.decider import Decider, Rejected

UNSAFE_ENDS = ("unsafe",)
"""Reasons for an end that tell somebody where the policy names none: nobody leaves a place as unsafe without a reason."""


def decide(command: VisitCommand, visit: Visit) -> list[Event]:
    """Return what follows from a command; nothing where it is a repeat. Raises Rejected where a rule says no."""
    match command:
        case PlanVisit():
            return _plan(command, visit)
        case ApproveVisit():
            return _approve(command, visit)
        case RefuseVisit():
            return _refuse(command, visit)
        case CancelVisit():
            return _cancel(command, visit)
        case StartVisit():
            return _start(command, visit)
        case CheckIn():
            return _check_in(command, visit)
        case ExtendVisit():
            return _extend(command, visit)
        case AskForHelp():
            return ask_for_help(command, visit)
        case ReportSituation():
            return report_situation(command, visit)
        case SignalDuress():
            return signal_duress(command, visit)
        case EndVisit():
            return _end(command, visit)
        case RemindWorker():
            return remind(command, visit)
        case MarkCheckInMissed():
            return mark_missed(command, visit)
        case ReportVisit():
            return report(command, planned(visit), visit)
        case TellOfAwaited():
            return tell_of_awaited(command, planned(visit), visit)
        case ResumeWatch():
            return resume(command, visit)
        case _:
            assert_never(command)


def _plan(command: PlanVisit, visit: Visit) -> list[Event]:
    rules, awaits, unsafe_ends = command.policy.check_ins, command.policy.awaits, command.policy.unsafe_ends
    interval = rules.interval.span if command.interval is None else command.interval
    planned = VisitPlanned(
        visit_id=command.visit_id,
        site_id=command.site_id,
        worker_id=command.worker_id,
        kind=command.kind,
        starts_at=command.starts_at.astimezone(UTC),
        expected_end_at=command.expected_end_at.astimezone(UTC),
        interval=interval,
        grace=rules.grace.span,
        remind_before=rules.remind_before.span,
        policy_id=command.policy.policy_id,
        policy_version=command.policy_version,
        assessment_id=command.assessment_id,
        place=command.place,
        contacts=command.contacts,
        cites=join_cites(rules.cites, rules.interval.cites, rules.grace.cites, rules.remind_before.cites),
        watch_cites=WatchCites(
            check_ins=rules.cites,
            interval=rules.interval.cites,
            grace=rules.grace.cites,
            remind_before=rules.remind_before.cites,
        ),
        awaits=awaits,
        approval_due_at=_approve_by(command) if visit.plan is None else visit.plan.approval_due_at,
        unsafe_ends=unsafe_ends.reasons if unsafe_ends else UNSAFE_ENDS,
        equipment=command.equipment,
    )
    if visit.plan == planned:
        return []
    if visit.plan is not None:
        raise Rejected("visit_exists")
    if planned.expected_end_at <= planned.starts_at:
        raise Rejected("ends_before_start")
    if interval <= timedelta(0):
        raise Rejected("interval_not_above_zero")
    if interval > rules.interval.span:
        raise Rejected("interval_too_long")
    return [planned]


def _approve_by(command: PlanVisit) -> datetime | None:
    """Return when somebody is told that nobody has decided; None where the policy does not say."""
    awaited = command.policy.awaits.approval
    if awaited is None:
        return None
    return max(command.starts_at.astimezone(UTC) - awaited.before_start, command.now + awaited.after_plan)


def _approve(command: ApproveVisit, visit: Visit) -> list[Event]:
    plan = planned(visit)
    check_approver(plan, command.by, command.roles, command.policy.approval)
    if visit.status == "approved" and visit.decided_by == command.by:
        return []
    if visit.status != "planned":
        raise Rejected("not_awaiting_approval")
    gate = command.policy.gate
    assessment = check_assessment(plan, command.assessment, gate, command.now)
    cites = join_cites(command.policy.approval.cites, gate.factors_cites)
    return [
        VisitApproved(
            visit_id=plan.visit_id,
            assessment_id=assessment.assessment_id,
            assessment_version=command.assessment_version,
            by=command.by,
            start_awaited_at=max(plan.starts_at, command.now) if plan.awaits.start else None,
            cites=cites,
        ),
    ]


def _refuse(command: RefuseVisit, visit: Visit) -> list[Event]:
    plan, approval = planned(visit), command.policy.approval
    check_approver(plan, command.by, command.roles, approval)
    if visit.status == "refused" and visit.decided_by == command.by:
        return []
    if visit.status != "planned":
        raise Rejected("not_awaiting_approval")
    return [
        VisitRefused(
            visit_id=plan.visit_id, by=command.by, reason=command.reason, note=command.note, cites=approval.cites
        ),
    ]


def _cancel(command: CancelVisit, visit: Visit) -> list[Event]:
    plan = planned(visit)
    if visit.status == "ended":
        raise Rejected("visit_ended")
    if visit.status == "started":
        raise Rejected("already_started")
    if visit.status in {"refused", "cancelled"}:
        return []  # it will not take place anyway
    return [VisitCancelled(visit_id=plan.visit_id, reason=command.reason)]


def _start(command: StartVisit, visit: Visit) -> list[Event]:
    plan, gate = planned(visit), command.policy.gate
    if visit.status == "ended":
        raise Rejected("visit_ended")
    if visit.status == "started":
        if visit.answers == tuple(sorted(command.answers.items())):
            return []
        raise Rejected("already_started")
    if visit.status != "approved":
        raise Rejected("not_approved")
    check_assessment(plan, command.assessment, gate, command.now)
    check_answers(command.answers, gate)
    due_at = following(plan, visit, command.now)
    answers, cites = dict(command.answers), gate.questions_cites
    return [VisitStarted(visit_id=plan.visit_id, dynamic_assessment=answers, due_at=due_at, cites=cites)]


def _under_way(visit: Visit) -> tuple[VisitPlanned, datetime]:
    """Return the plan and when the check-in is due. Raises Rejected unless the visit is started and not ended."""
    plan = planned(visit)
    if visit.status == "ended":
        raise Rejected("visit_ended")
    if visit.status != "started" or visit.due_at is None:
        raise Rejected("not_started")
    return plan, visit.due_at


def _check_in(command: CheckIn, visit: Visit) -> list[Event]:
    """Record a check-in: in time up to the end of the grace, and late from then on, whether or not the clock has looked."""
    plan, due_at = _under_way(visit)
    missed = not_yet_recorded(plan, visit, command.now, command.outages)
    if missed or visit.missed:
        cites = plan.watch_cites.check_ins
        return [*missed, LateCheckInRecorded(visit_id=plan.visit_id, missed_due_at=due_at, cites=cites)]
    next_at = following(plan, visit, command.now)
    return [CheckInRecorded(visit_id=plan.visit_id, met_due_at=due_at, due_at=next_at, cites=rhythm(plan))]


def _extend(command: ExtendVisit, visit: Visit) -> list[Event]:
    plan, due_at = _under_way(visit)
    end = command.expected_end_at.astimezone(UTC)
    if end <= command.now:
        raise Rejected("end_in_the_past")
    missed = not_yet_recorded(plan, visit, command.now, command.outages)
    late = bool(missed) or visit.missed  # then only an escalation that ends resumes the watch
    extended = VisitExtended(
        visit_id=plan.visit_id,
        met_due_at=None if late else due_at,
        expected_end_at=end,
        due_at=None if late else next_due(command.now, plan.interval, end),
        cites=rhythm(plan),
    )
    return [*missed, extended]


def _end(command: EndVisit, visit: Visit) -> list[Event]:
    """End the visit, missed check-in or not: an escalation that is open stays open, and one that is owed opens.

    Whoever left because it was not safe needs somebody to know, and says no more than the reason.
    """
    if visit.status == "ended" and visit.end_reason == command.reason:
        return []
    plan, _ = _under_way(visit)
    missed = not_yet_recorded(plan, visit, command.now, command.outages)
    awaited = plan.awaits.report
    ended = VisitEnded(
        visit_id=plan.visit_id,
        reason=command.reason,
        remind_report_at=command.now + awaited.remind_after if awaited and awaited.remind_after else None,
        report_due_at=command.now + awaited.tell_after if awaited else None,
    )
    return [*missed, ended, unsafe(plan)] if command.reason in plan.unsafe_ends else [*missed, ended]


VISIT = Decider(Visit(), decide, evolve, deadlines)
"""The decider of a ``visit-…`` stream."""
