"""A ladder on its way with its tasks: which turn follows which, and what each event changes of it. It judges nothing.

A turn is a step, or after the last step a round of exhaustion. Which ladders there are is for ``state``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.contracts.asks import Ask
from shared.contracts.escalations import EscalationExhausted, StepReachedNobody, StepStarted
from shared.contracts.ladders import NEXT, Ladder, Step, Task, Trigger
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Deadline

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""When a ladder goes on whose last turn could not be read: before any time of the log, so it is due at its next look."""


@dataclass(frozen=True)
class TaskRun:
    """A task that has been offered: to whom, who holds it, and what came of it."""

    step: int
    offered: tuple[str, ...] = ()
    """Whoever was offered it so far, in their order."""
    roles: frozenset[Role] = frozenset()
    """As holders of which roles."""
    holder: str | None = None
    """Who has taken it; then whoever did it."""
    handed_to: str | None = None
    """Whom the holder has asked to take it over."""
    passes_on_at: datetime | None = None
    change: int = 1
    """How often it has been offered, taken and handed over. Its deadline names it, so an old one is known."""
    done: TaskDone | None = None

    def offered_to(self, asks: Iterable[Ask]) -> TaskRun:
        """Return the task after it was offered to these people, too."""
        offered, roles = dict.fromkeys(self.offered), set(self.roles)
        for ask in asks:
            offered[ask.worker_id] = None
            roles.update(ask.roles)
        return replace(self, offered=tuple(offered), roles=frozenset(roles))


TaskEvent = TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone


@dataclass(frozen=True)
class LadderRun:
    """A ladder on its way. A turn is a step, or after the last step a round of exhaustion."""

    no: int
    trigger: Trigger
    ladder: Ladder | None
    """None where it could not be read: it has no steps and is exhausted from the start."""
    turn: int = 1
    """The next turn, counted from 1 through the steps and then through the rounds, without an end."""
    next_at: datetime | None = None
    """When that turn starts. None between two events of the decision that started the ladder, or where one is missing."""
    acknowledged: bool = False
    stopped: bool = False
    """Another ladder runs instead of it: it never goes on, and nobody has to do its tasks any more."""
    trigger_no: int = 1
    """Which of the episode's triggers started it, counted from 1."""
    asked: frozenset[str] = frozenset()
    """The notifications of the step that started last, and of the offers of its task; none in a round of exhaustion, and
    once they reached nobody."""
    last: int = 0
    """The turn that started last; 0 before the first."""
    started: frozenset[int] = frozenset()
    """The steps that have started: outcomes may lead past some of them."""
    rounds: int = 0
    """How many rounds of exhaustion there have been."""
    repeats_at: datetime | None = None
    """When the next of them is due: a step that starts after all does not put it off."""
    tasks: tuple[TaskRun, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the ladder, none where it could not be read."""
        return () if self.ladder is None else self.ladder.steps

    @property
    def free(self) -> bool:
        """Whether it goes on by itself: nobody has taken it, and no other runs instead."""
        return not (self.acknowledged or self.stopped)

    def step(self, number: int) -> Step | None:
        """Return the step with this number, where there is one."""
        return self.steps[number - 1] if 1 <= number <= len(self.steps) else None

    def task(self, step: int) -> TaskRun | None:
        """Return the task of a step that has started, where it is one."""
        return next((task for task in self.tasks if task.step == step), None)

    def task_of(self, step: int) -> Task | None:
        """Return what a step gives somebody to do, where it is a task."""
        found = self.step(step)
        return found.task if found else None

    def following(self, step: int) -> int:
        """Return which turn a step names as the one after it, or the next in the list. Keys lead forward only."""
        return self.ladder.following(step) if self.ladder and self.step(step) else len(self.steps) + 1

    def after(self, step: int) -> int:
        """Return which turn follows a step by its time: in exhaustion the next round, and never a step that was."""
        following = self.following(step)
        while following in self.started:
            following += 1
        over = self.rounds or following > len(self.steps)
        return len(self.steps) + self.rounds + 1 if over else following

    def leads(self, step: int, key: str) -> int | None:
        """Return to which turn an outcome of a step leads that names this key; None where it changes nothing.

        It leads forward, to what never started, and past no step to which another outcome has led. ``next``, and a key
        that no step has, is what the step itself names.
        """
        named = self.ladder.number_of(key) if self.ladder and key != NEXT else None
        number = named or self.following(step)
        waits = self.turn <= len(self.steps)
        led = waits and not (
            self.last == step and self.turn == self.after(step)
        )  # the step's own time leads past nothing
        if number > len(self.steps):
            return self.turn if self.last == step and not waits else None
        if number <= step or number in self.started or (led and number < self.turn):
            return None
        return number if self.rounds or number > self.last else None

    def passing_on(self) -> TaskRun | None:
        """Return the task that passes on before the ladder goes on; None where there is none."""
        task = self.task(self.last) if self.free else None
        if task is None or task.passes_on_at is None:
            return None
        return task if task.passes_on_at < (self.next_at or AT_ONCE) else None

    def deadlines(self, episode: int) -> list[Deadline]:
        """Return when the ladder goes on by itself, and when its task passes on."""
        if not self.free:
            return []
        turn = Deadline("step", f"{episode}.{self.no}.{self.turn}", self.next_at or AT_ONCE)
        task = self.passing_on()
        if task is None or task.passes_on_at is None:
            return [turn]
        return [turn, Deadline("task", f"{episode}.{self.no}.{task.step}.{task.change}", task.passes_on_at)]


def turned(run: LadderRun, event: StepStarted | EscalationExhausted | StepReachedNobody) -> LadderRun:
    """Return a ladder after its turn, or after the word that its turn reached nobody."""
    match event:
        case StepStarted():
            return _step_started(run, event)
        case EscalationExhausted(round=done, next_at=next_at):
            turn = len(run.steps) + done
            gone_on = replace(run, turn=turn + 1, last=turn, next_at=next_at, repeats_at=next_at, asked=frozenset())
            return replace(gone_on, rounds=max(run.rounds, done))
        case StepReachedNobody(turn=turn, next_at=next_at) if turn == run.last:
            return replace(run, next_at=next_at, asked=frozenset())
        case _:
            return run


def _step_started(run: LadderRun, event: StepStarted) -> LadderRun:
    ids = frozenset(ask.notification_id for ask in event.asks)
    if event.part > 1:
        ids |= run.asked
    started = replace(run, started=run.started | {event.step})
    gone_on = replace(started, turn=started.after(event.step), last=event.step, next_at=event.next_at, asked=ids)
    if not event.task:
        return gone_on
    before = run.task(event.step) if event.part > 1 else None
    task = before or TaskRun(event.step, passes_on_at=event.passes_on_at)
    return _with_task(gone_on, task.offered_to(event.asks))


def ran_out(run: LadderRun, next_at: datetime) -> LadderRun:
    """Return a ladder that nobody holds any more: it goes on now, so its task passes on to nobody."""
    tasks = tuple(replace(task, passes_on_at=None) for task in run.tasks)
    return replace(run, acknowledged=False, next_at=next_at, tasks=tasks)


def task_changed(run: LadderRun, event: TaskEvent) -> LadderRun:
    """Return a ladder after something happened to one of its tasks. A task that is not there stays away."""
    task = run.task(event.step)
    if task is None:
        return run
    match event:
        case TaskTaken(by=by, passes_on_at=passes_on_at):
            change = task.change + 1
            return _with_task(run, replace(task, holder=by, handed_to=None, passes_on_at=passes_on_at, change=change))
        case TaskHandedOver(to=to):
            return _with_task(run, replace(task, handed_to=to, change=task.change + 1))
        case TaskPassedOn():
            return _passed_on(run, task, event)
        case TaskDone(by=by):
            done = _with_task(run, replace(task, holder=by, handed_to=None, passes_on_at=None, done=event))
            return done if event.next_turn is None else replace(done, turn=event.next_turn, next_at=event.next_at)


def _passed_on(run: LadderRun, task: TaskRun, event: TaskPassedOn) -> LadderRun:
    if run.last == task.step:
        run = replace(run, asked=run.asked | {ask.notification_id for ask in event.asks})
    if event.part == 1:
        free = replace(task, holder=None, handed_to=None)
        task = replace(free, passes_on_at=event.passes_on_at, change=task.change + 1)
    return _with_task(run, task.offered_to(event.asks))


def _with_task(run: LadderRun, task: TaskRun) -> LadderRun:
    others = (other for other in run.tasks if other.step != task.step)
    return replace(run, tasks=tuple(sorted((*others, task), key=lambda one: one.step)))
