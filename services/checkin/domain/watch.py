"""The watch over a visit that is under way: when the next check-in falls due, reminders, the miss, and the resumption."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.checkin.domain.commands import MarkCheckInMissed, Occasion, Outages, RemindWorker, ResumeWatch
from services.checkin.domain.lateness import why_late
from services.checkin.domain.state import Visit, next_due
from shared.contracts.awaited import CheckInMissed, ReminderDue, WatchResumed
from shared.contracts.base import Cites, Event, join_cites
from shared.contracts.visits import VisitPlanned
from shared.decider import Rejected


def planned(visit: Visit) -> VisitPlanned:
    """Return the plan. Raises Rejected where there is no such visit."""
    if visit.plan is None:
        raise Rejected("visit_unknown")
    return visit.plan


def following(plan: VisitPlanned, visit: Visit, now: datetime) -> datetime:
    """Return when the check-in after one at ``now`` falls due."""
    return next_due(now, plan.interval, visit.expected_end_at or plan.expected_end_at)


def remind(command: RemindWorker, visit: Visit) -> list[Event]:
    """Remind the worker. Who asks for the earlier reminder once the check-in is due gets the one that says so."""
    plan = planned(visit)
    from_at = command.due_at - (plan.remind_before if command.occasion == "before" else timedelta(0))
    if not visit.watched or visit.due_at != command.due_at or command.now <= from_at:
        return []  # met, missed, ended or not yet: the clock may ask twice
    occasion: Occasion = "at" if command.now >= command.due_at else command.occasion
    if not {command.occasion, occasion}.isdisjoint(visit.reminded):
        return []  # given, or passed
    return [
        ReminderDue(
            visit_id=plan.visit_id,
            worker_id=plan.worker_id,
            reminder_id=f"{plan.visit_id}.r{visit.reminders + 1}",
            occasion=occasion,
            due_at=command.due_at,
            cites=join_cites(plan.watch_cites.check_ins, plan.watch_cites.remind_before),
        ),
    ]


def mark_missed(command: MarkCheckInMissed, visit: Visit) -> list[Event]:
    """Record the miss that a deadline stands for, where it is one."""
    plan = planned(visit)
    if visit.due_at != command.due_at:
        return []  # met, or ended: the clock may ask twice
    return not_yet_recorded(plan, visit, command.now, command.outages)


def not_yet_recorded(plan: VisitPlanned, visit: Visit, now: datetime, outages: Outages) -> list[Event]:
    """Return the miss that is true at ``now`` and not in the log: whoever comes first past the grace records it."""
    if visit.due_at is None or not visit.watched or now <= visit.due_at + plan.grace:
        return []
    missed_at = visit.due_at + plan.grace
    return [
        CheckInMissed(
            visit_id=plan.visit_id,
            worker_id=plan.worker_id,
            site_id=plan.site_id,
            due_at=visit.due_at,
            missed_at=missed_at,
            detected_at=now,
            late=why_late(missed_at, now, outages, since=visit.due_at - plan.remind_before),
            policy_id=plan.policy_id,
            policy_version=plan.policy_version,
            cites=join_cites(plan.watch_cites.check_ins, plan.watch_cites.grace),
        ),
    ]


def rhythm(plan: VisitPlanned) -> Cites:
    """Return what the time of the next check-in rests on."""
    return join_cites(plan.watch_cites.check_ins, plan.watch_cites.interval)


def resume(command: ResumeWatch, visit: Visit) -> list[Event]:
    """Await check-ins again. A watch that no miss has stopped goes on as it is: its deadline is not put off."""
    plan = planned(visit)
    if visit.status != "started" or not visit.missed or command.escalation_id in visit.resumed:
        return []
    due_at, cites = following(plan, visit, command.now), rhythm(plan)
    return [WatchResumed(visit_id=plan.visit_id, escalation_id=command.escalation_id, due_at=due_at, cites=cites)]
