"""How a task is taken, handed over and given back, and how it passes on. What comes of it is for ``outcomes``.

The version of the stream decides between two who take a task at once: the second finds it taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.escalation.domain.asking import ask
from services.escalation.domain.commands import PersonNotReached
from services.escalation.domain.endings import must_be_open_to
from services.escalation.domain.offering import Reason, next_offer, passed_on
from services.escalation.domain.runs import LadderRun, TaskRun
from services.escalation.domain.state import Escalation
from services.escalation.domain.task_commands import GiveBackTask, HandOverTask, TakeTask, TaskNo, TaskRunsOut
from shared.contracts.base import Event
from shared.contracts.escalations import StepReachedNobody
from shared.contracts.ladders import Task
from shared.contracts.tasks import TaskHandedOver, TaskTaken, Via
from shared.decider import Rejected


@dataclass(frozen=True)
class Started:
    """A task that has been offered: its ladder, what became of it so far, and what is to be done."""

    run: LadderRun
    task: TaskRun
    rule: Task


def take_task(command: TakeTask, escalation: Escalation) -> list[Event]:
    """Return who has the task now; nothing where they had it. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    it = started(escalation, command.task)
    _must_be_to_do(it)
    if it.task.holder == command.by:
        return []
    if it.task.holder is not None and it.task.handed_to != command.by:
        raise Rejected("task_taken")
    return [taken(escalation, it, command.by, command.via, command.now)]


def hand_over_task(command: HandOverTask, escalation: Escalation) -> list[Event]:
    """Return whom the holder asks to take it over; nothing where they were asked. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    it = started(escalation, command.task)
    _must_be_to_do(it)
    _must_hold(it, command.by)
    if command.to == escalation.worker_id:
        raise Rejected("handed_to_worker")
    if command.to not in command.directory.everyone:
        raise Rejected("not_a_responder_here")
    if command.to in {command.by, it.task.handed_to}:
        return []
    return [
        TaskHandedOver(
            escalation_id=escalation.escalation_id,
            ladder_no=it.run.no,
            step=it.task.step,
            by=command.by,
            to=command.to,
            asks=ask(escalation, {command.to: ()}),
        )
    ]


def give_back_task(command: GiveBackTask, escalation: Escalation) -> list[Event]:
    """Return that the task is free and offered to others. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    it = started(escalation, command.task)
    _must_be_to_do(it)
    _must_hold(it, command.by)
    return passed_on(escalation, it.run, it.task, "given_back", command.directory, command.now)


def task_runs_out(command: TaskRunsOut, escalation: Escalation) -> list[Event]:
    """Return that nobody took the task in time, or whoever did was not done; nothing where that is over or not due."""
    run = escalation.run(command.task.ladder_no)
    task = run.passing_on() if run and command.episode == escalation.episode else None
    if run is None or task is None or (task.step, task.change) != (command.task.step, command.change):
        return []  # ended, done or stopped, gone on, or another has it by now: the clock may ask twice
    if task.passes_on_at is None or command.now < task.passes_on_at:
        return []
    reason: Reason = "untaken" if task.holder is None else "unfinished"
    return passed_on(escalation, run, task, reason, command.directory, command.now)


def not_reached(command: PersonNotReached, escalation: Escalation) -> list[Event]:
    """Return what follows where this was the last of a step who might have been told: its task passes on, or the next."""
    for run in escalation.ladders:
        if not run.free or command.notification_id not in run.asked or not run.asked <= command.unreached:
            continue
        task, rule = run.task(run.last), run.task_of(run.last)
        if task and (task.done or task.holder is not None):
            return []  # somebody knows of it
        if task and rule and next_offer(escalation, rule, task, command.directory):
            return passed_on(escalation, run, task, "reached_nobody", command.directory, command.now)
        return [
            StepReachedNobody(
                escalation_id=escalation.escalation_id, ladder_no=run.no, turn=run.last, next_at=command.now
            )
        ]
    return []  # somebody else of the step may know of it, or it is over; a round of exhaustion keeps its rhythm


def started(escalation: Escalation, number: TaskNo) -> Started:
    """Return a task that has been offered. Raises Rejected."""
    run = escalation.run(number.ladder_no)
    task, rule = (run.task(number.step), run.task_of(number.step)) if run else (None, None)
    if run is None or task is None or rule is None:
        raise Rejected("task_unknown")
    return Started(run, task, rule)


def taken(escalation: Escalation, it: Started, by: str, via: Via, now: datetime) -> TaskTaken:
    """Return that somebody has taken a task. Once the ladder has gone on, it passes on to nobody any more."""
    return TaskTaken(
        escalation_id=escalation.escalation_id,
        ladder_no=it.run.no,
        step=it.task.step,
        by=by,
        via=via,
        handed_by=it.task.holder,
        passes_on_at=now + it.rule.finish_within.span if it.run.last == it.task.step else None,
        cites=it.rule.finish_within.cites,
    )


def _must_be_to_do(it: Started) -> None:
    if it.task.done:
        raise Rejected("task_done")
    if it.run.stopped:
        raise Rejected("task_stopped")


def _must_hold(it: Started, by: str) -> None:
    if it.task.holder != by:
        raise Rejected("not_the_holder")
