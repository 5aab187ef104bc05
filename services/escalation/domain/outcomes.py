"""What follows when somebody says what came of a task: the ladder goes on sooner, somebody has it in hand, or it is over.

No outcome puts anything off. One that raises a trigger raises it whatever became of the task, or of the escalation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import reduce

from services.escalation.domain.acknowledging import acknowledged, free_to
from services.escalation.domain.commands import Resolve
from services.escalation.domain.endings import must_be_open_to, resolve
from services.escalation.domain.raising import raise_trigger
from services.escalation.domain.runs import LadderRun
from services.escalation.domain.state import Escalation, evolve
from services.escalation.domain.task_commands import DoTask, TaskResult
from services.escalation.domain.tasks import Started, started, taken
from services.escalation.domain.triggers import Raise
from shared.contracts.base import Event, join_cites
from shared.contracts.ladders import ACKNOWLEDGED, APART, GRAVITY, RESOLVED, Outcome, Trigger
from shared.contracts.tasks import TaskDone
from shared.decider import Rejected

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours a time may lie that somebody read off another clock: more is a slip, of the day or of the hour."""


def do_task(command: DoTask, escalation: Escalation) -> list[Event]:
    """Return what came of a task and what follows; nothing where the same person said the same. Raises Rejected."""
    if command.raised and command.by != escalation.worker_id and not _is_there(command, escalation):
        return raise_trigger(_anew(command.raised, escalation), escalation)
    must_be_open_to(escalation, command.escalation_id, command.by)
    it = started(escalation, command.task)
    outcome = it.rule.outcome(command.result.outcome)
    if outcome is None:
        raise Rejected("outcome_unknown")
    if it.task.done and _says_the_same(it.task.done, command):
        return []
    if outcome.raises is None:
        _must_be_theirs_to_do(it, command.by)
        _must_have_its_facts(command, outcome)
    elif it.task.done or it.task.holder not in {None, command.by}:
        return raise_trigger(_trigger_of(command, outcome.raises, escalation), escalation)
    return _done(command, escalation, it, outcome)


def _is_there(command: DoTask, escalation: Escalation) -> bool:
    """Say whether the task that is meant is one of the episode that is open."""
    task = escalation.task(command.task.ladder_no, command.task.step)
    return escalation.open and escalation.escalation_id == command.escalation_id and task is not None


def _anew(raised: Raise, escalation: Escalation) -> Raise:
    """Return a trigger of an episode that is over under an id of its own: what was said once more is no repeat then."""
    before = sum(1 for seen in escalation.triggers_seen if seen.endswith(raised.trigger_event_id))
    return replace(raised, trigger_event_id=f"again{before}.{raised.trigger_event_id}") if before else raised


def _says_the_same(done: TaskDone, command: DoTask) -> bool:
    told = TaskResult(done.outcome, done.answers, done.left_at, done.called_at, done.reference, done.note)
    return done.by == command.by and told == replace(command.result, answers=dict(command.result.answers))


def _must_be_theirs_to_do(it: Started, by: str) -> None:
    if it.task.done:
        raise Rejected("task_done")
    if it.task.holder not in {None, by}:
        raise Rejected("task_taken")
    if it.run.stopped:
        raise Rejected("task_stopped")


def _must_have_its_facts(command: DoTask, outcome: Outcome) -> None:
    result = command.result
    given = {"left_at": result.left_at, "called_at": result.called_at, "reference": result.reference}
    if any(given[fact] is None for fact in outcome.records):
        raise Rejected("fact_missing")
    if any(at is not None and at > command.now + CLOCKS_DIFFER for at in (result.left_at, result.called_at)):
        raise Rejected("fact_in_the_future")


def _done(command: DoTask, escalation: Escalation, it: Started, outcome: Outcome) -> list[Event]:
    """Return that it is done, whatever else that ends, takes or raises, and who has done it where nobody held it."""
    events: list[Event] = []
    if it.task.holder is None:
        events.append(taken(escalation, it, command.by, command.via, command.now))
    events.append(_task_done(command, escalation, it.run, outcome))
    now = reduce(evolve, events, escalation)
    resolves = outcome.leads_to == RESOLVED and outcome.raises is None  # nobody is safe of whom this is said
    beside = _runs_beside(it.run, escalation)
    if resolves and not beside:
        return [*events, *resolve(_safe(command, outcome), now)]
    if (outcome.leads_to == ACKNOWLEDGED or resolves) and not it.run.stopped:
        events += _in_hand(command, now)
        now = reduce(evolve, events, escalation)
    if outcome.raises is not None:
        events += raise_trigger(_trigger_of(command, outcome.raises, escalation), now)
    return events


def _task_done(command: DoTask, escalation: Escalation, run: LadderRun, outcome: Outcome) -> TaskDone:
    result, step = command.result, command.task.step
    ends = outcome.leads_to in {None, RESOLVED, ACKNOWLEDGED} or run.stopped
    turn = None if ends else run.leads(step, outcome.leads_to or "")
    soonest = command.now + (outcome.after or timedelta(0))
    return TaskDone(
        escalation_id=escalation.escalation_id,
        ladder_no=run.no,
        step=step,
        by=command.by,
        via=command.via,
        outcome=outcome.code,
        answers=dict(result.answers),
        left_at=result.left_at,
        called_at=result.called_at,
        reference=result.reference,
        note=result.note,
        late=run.last != step,
        next_turn=turn,
        next_at=None if turn is None else min(soonest, run.next_at or command.now),
        cites=outcome.cites if turn is None else join_cites(outcome.cites, outcome.after_cites),
    )


def _runs_beside(run: LadderRun, escalation: Escalation) -> bool:
    """Say whether a ladder for other people is not the only one: what comes of it ends its own matter, not theirs."""
    return run.trigger in APART and any(other.no != run.no and not other.stopped for other in escalation.ladders)


def _safe(command: DoTask, outcome: Outcome) -> Resolve:
    """Return that the worker is safe, as whoever did the task has confirmed it."""
    return Resolve(
        escalation_id=command.escalation_id,
        by=command.by,
        confirmed_by=command.by,
        how=outcome.how or outcome.code,
        note=command.result.note,
        triggers_seen=command.triggers_seen,
        now=command.now,
    )


def _in_hand(command: DoTask, escalation: Escalation) -> list[Event]:
    """Return that whoever did the task has taken its ladder, and with it the lesser ones of which they knew."""
    run = escalation.run(command.task.ladder_no)
    if run is None:
        return []
    known = [] if run.trigger in APART else [it for it in free_to(escalation, command.triggers_seen) if _less(it, run)]
    taken_too = [it for it in escalation.ladders if it in known or (it == run and it.free)]
    return acknowledged(escalation, taken_too, command.by, command.via, command.now)


def _less(other: LadderRun, run: LadderRun) -> bool:
    """Say whether somebody who has this ladder in hand has the other, too: no graver one, and none for other people."""
    return GRAVITY[other.trigger] <= GRAVITY[run.trigger] and other.trigger not in APART


def _trigger_of(command: DoTask, trigger: Trigger, escalation: Escalation) -> Raise:
    """Return the trigger that came with the outcome; where none did, one without a ladder: everyone is told."""
    return command.raised or Raise(
        trigger=trigger,
        trigger_event_id=f"{escalation.escalation_id}.{command.task}.{command.result.outcome}",
        visit_id=escalation.visit_id,
        worker_id=escalation.worker_id,
        site_id=escalation.site_id,
        due_at=None,
        policy_id=None,
        policy_version=None,
        ladder=None,
        directory=command.directory,
        now=command.now,
    )
