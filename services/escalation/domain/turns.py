"""When the turns of a ladder start, and whom they tell or offer a task. No clock: the time comes with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.escalation.domain.asking import ask, ask_everyone, in_parts
from services.escalation.domain.commands import StartNextStep
from services.escalation.domain.offering import next_offer
from services.escalation.domain.runs import LadderRun, TaskRun
from services.escalation.domain.state import Escalation, evolve, with_run
from services.escalation.domain.triggers import Directory
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import EscalationExhausted, StepStarted
from shared.contracts.ladders import Step, Task
from shared.contracts.roles import RESPONDERS
from shared.contracts.spans import Timed

UNREADABLE_REPEATS = timedelta(minutes=5)
"""How often everyone is told while the ladder cannot be read: hard to overlook, with time to act between."""


def start_next_step(command: StartNextStep, escalation: Escalation) -> list[Event]:
    """Return the turn that is due, and what follows at once; nothing where it has started or is not due."""
    if not escalation.open or command.episode != escalation.episode:
        return []  # a deadline of an episode that has ended
    run = escalation.run(command.ladder_no)
    if run is None or not run.free or command.now < (run.next_at or command.now):
        return []  # stopped or not due
    led = run.rounds > 0 and run.turn <= len(run.steps)  # an outcome led back to a step that had never started
    if run.turn > command.turn or (run.turn < command.turn and (led or not escalation.unreadable)):
        return []  # already started, or not the next: the clock may ask twice
    # What cannot be read may have been a turn: the one that was due is the next then.
    going_on = with_run(escalation, replace(run, turn=command.turn))
    return start_turns(going_on, run.no, command.directory, command.now)


def start_turns(escalation: Escalation, ladder_no: int, directory: Directory, now: datetime) -> list[Event]:
    """Return the next turn of a ladder, and the ones after it for as long as nobody holds a step's roles."""
    events: list[Event] = []
    while True:
        run = next(run for run in escalation.ladders if run.no == ladder_no)
        turn = _turn(escalation, run, directory, now)
        events += in_parts(turn)
        if turn.next_at > now:
            return events
        escalation = evolve(escalation, turn)


def _turn(
    escalation: Escalation, run: LadderRun, directory: Directory, now: datetime
) -> StepStarted | EscalationExhausted:
    if run.turn > len(run.steps):
        repeat = run.ladder.repeat_every if run.ladder else Timed(span=UNREADABLE_REPEATS, cites=Cites(ours=True))
        return EscalationExhausted(
            escalation_id=escalation.escalation_id,
            ladder_no=run.no,
            round=run.turn - len(run.steps),
            asks=ask_everyone(escalation, directory),
            next_at=now + repeat.span,
            cites=repeat.cites,
        )
    step = run.steps[run.turn - 1]
    started = _task_offered(escalation, run, step, step.task, directory, now) if step.task else None
    started = started or _people_told(escalation, run, step, directory, now)
    if run.rounds and run.repeats_at is not None:  # everyone is told again at the time that was said
        started = started.model_copy(update={"next_at": max(now, min(started.next_at, run.repeats_at))})
    return started


def _people_told(
    escalation: Escalation, run: LadderRun, step: Step, directory: Directory, now: datetime
) -> StepStarted:
    roles = [role for role in step.notify if role in RESPONDERS]  # nobody else may be told, or could act on it
    holders = dict.fromkeys(worker for role in roles for worker in directory.holders.get(role, ()))
    asks = ask(escalation, {worker: directory.roles_of(worker, roles) for worker in holders})
    return StepStarted(
        escalation_id=escalation.escalation_id,
        ladder_no=run.no,
        step=run.turn,
        name=step.name,
        asks=asks,
        next_at=now + step.wait if asks else now,
        cites=step.cites,
    )


def _task_offered(
    escalation: Escalation, run: LadderRun, step: Step, task: Task, directory: Directory, now: datetime
) -> StepStarted:
    asks = ask(escalation, next_offer(escalation, task, TaskRun(run.turn), directory))
    further = next_offer(escalation, task, TaskRun(run.turn).offered_to(asks), directory)
    return StepStarted(
        escalation_id=escalation.escalation_id,
        ladder_no=run.no,
        step=run.turn,
        name=step.name,
        asks=asks,
        next_at=now + step.wait if asks else now,
        passes_on_at=now + task.take_within.span if further else None,
        task=True,
        cites=step.cites,
    )
