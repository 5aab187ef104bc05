"""What is shown of the tasks of one episode, in ids and codes, folded from its records. Pure; it decides nothing.

The names of numbers, code words and facts to read out are not here: ``briefing`` opens those for whoever holds a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.escalation.domain.task_commands import TaskNo
from shared.contracts.base import Event, Sealed
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import EscalationJoined, StepStarted
from shared.contracts.ladders import Ladder, Outcome, Step, Task
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken

TaskState = Literal["offered", "taken", "done", "stopped"]

MOST_DIGITS = 6
"""Digits of a number in the name of a task: more than any ladder has steps, and few enough to count with."""


@dataclass(frozen=True)
class Done:
    """What came of a task, as whoever did it said."""

    by: str
    said_at: datetime
    outcome: str
    answers: Mapping[str, str]
    left_at: datetime | None
    called_at: datetime | None
    reference: Sealed | None
    note: Sealed | None
    late: bool


@dataclass(frozen=True)
class TaskAccount:
    """One task that was offered: what it is, whose it is, and what came of it."""

    no: TaskNo
    step: Step
    task: Task
    offered_at: datetime
    offered_to: tuple[str, ...] = ()
    """Everybody who may take it by now, in the order in which they were asked."""
    holder: str | None = None
    handed_to: str | None = None
    """Who was asked to take it over and has not yet."""
    passes_on_at: datetime | None = None
    """When it is offered to others, as things stand; None where nothing will pass it on."""
    done: Done | None = None
    stopped: bool = False
    """Its ladder was stopped, or the escalation ended, before it was done."""

    @property
    def state(self) -> TaskState:
        """Where it stands."""
        if self.done is not None:
            return "done"
        if self.stopped:
            return "stopped"
        return "offered" if self.holder is None else "taken"

    @property
    def people(self) -> frozenset[str]:
        """Whoever it names."""
        named = {*self.offered_to, self.holder, self.handed_to, self.done.by if self.done else None}
        return frozenset(who for who in named if who is not None)

    @property
    def raising(self) -> tuple[Outcome, ...]:
        """Its outcomes that raise a trigger: they are taken from anybody who may act, whatever became of the task."""
        return tuple(outcome for outcome in self.task.outcomes if outcome.raises)


def task_no(text: str) -> TaskNo | None:
    """Return the task that a part of an address names; None where that names none."""
    parts = text.split("-")
    plain = all(part.isascii() and part.isdecimal() and len(part) <= MOST_DIGITS for part in parts)
    return TaskNo.of(text) if plain and len(parts) == len(("ladder", "step")) else None


def outcome_of(ladders: Iterable[tuple[int, Ladder | None]], no: TaskNo, code: str) -> Outcome | None:
    """Return an outcome of a task as its ladder has it, started or not; None where there is none."""
    for ladder_no, ladder in ladders:
        if ladder is not None and ladder_no == no.ladder_no and 0 < no.step <= len(ladder.steps):
            task = ladder.steps[no.step - 1].task
            return task.outcome(code) if task else None
    return None


def tasks_after(
    tasks: tuple[TaskAccount, ...], ladders: Iterable[tuple[int, Ladder | None]], recorded: Recorded
) -> tuple[TaskAccount, ...]:
    """Return the tasks of an episode after one of its records."""
    match recorded.event:
        case EscalationJoined(stopped=stopped) if stopped:
            return tuple(replace(one, stopped=True) if one.no.ladder_no in stopped else one for one in tasks)
        case StepStarted(task=True, part=1) as event:
            return (*tasks, *_offered(event, ladders, recorded.recorded_at))
        case StepStarted(task=True) | TaskTaken() | TaskHandedOver() | TaskPassedOn() | TaskDone() as event:
            no = TaskNo(event.ladder_no, event.step)
            return tuple(_after(one, event, recorded.recorded_at) if one.no == no else one for one in tasks)
        case _:
            return tasks


def _offered(event: StepStarted, ladders: Iterable[tuple[int, Ladder | None]], at: datetime) -> tuple[TaskAccount, ...]:
    for ladder_no, ladder in ladders:
        if ladder is not None and ladder_no == event.ladder_no and 0 < event.step <= len(ladder.steps):
            step = ladder.steps[event.step - 1]
            offered_to = tuple(ask.worker_id for ask in event.asks)
            no = TaskNo(ladder_no, event.step)
            return () if step.task is None else (TaskAccount(no, step, step.task, at, offered_to),)
    return ()  # the ladder cannot be read here


def _after(one: TaskAccount, event: Event, at: datetime) -> TaskAccount:
    match event:
        case TaskTaken(by=by):
            return replace(one, holder=by, handed_to=None)
        case TaskHandedOver(to=to):
            return replace(one, handed_to=to)
        case TaskPassedOn() if event.part == 1:
            one = replace(one, holder=None, handed_to=None)
        case TaskDone() if one.done is None:
            said = (event.left_at, event.called_at, event.reference, event.note, event.late)
            return replace(
                one, holder=None, handed_to=None, done=Done(event.by, at, event.outcome, event.answers, *said)
            )
        case _:
            pass
    asked = (ask.worker_id for ask in getattr(event, "asks", ()))
    return replace(one, offered_to=tuple(dict.fromkeys((*one.offered_to, *asked))))
