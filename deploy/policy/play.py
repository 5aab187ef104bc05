"""Play a ladder through without a clock and without people: the real decider, and the deadlines that it sets itself.

Nothing is stored and nobody is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploy.policy.acts import raised_by, result_of
from deploy.policy.people import PEOPLE, directory_of
from deploy.policy.wishes import Wish, Wishes
from services.escalation.domain import (
    ESCALATION,
    Acknowledge,
    Command,
    DoTask,
    Escalation,
    Raise,
    TakeTask,
    TaskNo,
    TaskResult,
    command_for,
)
from shared.contracts.base import Event
from shared.contracts.escalations import AcknowledgementRanOut, EscalationExhausted, StepStarted
from shared.contracts.ladders import Trigger
from shared.contracts.policy import Policy
from shared.decider import Rejected

ROUNDS = 3
"""How often everyone is told, or an acknowledgement runs out, before a simulation ends: by then it only repeats itself."""


@dataclass(frozen=True)
class Played:
    """Something that happened, with what the escalation was before it. A refusal has no event."""

    played_at: datetime
    before: Escalation
    event: Event | None
    refused: str | None = None
    wish: Wish | None = None


@dataclass
class _Waiting:
    wish: Wish
    task: TaskNo | None
    """None where somebody acknowledges."""
    due_at: datetime


class Play:
    """One simulation. ``played`` is what happened, ``undone`` the wishes to which it never came."""

    def __init__(self, policy: Policy, wishes: Wishes) -> None:
        self.policy = policy
        self.absent = {PEOPLE[role].lower() for role in wishes.absent}
        self.directory = directory_of(policy)
        self.now = wishes.started_at
        self.state = ESCALATION.initial
        self.played: list[Played] = []
        self.unused = [wish for wish in wishes.done if wish.step is not None]
        ours = (wish for wish in wishes.done if wish.step is None)
        self.waiting = [_Waiting(wish, None, self.now + wish.after) for wish in ours]
        self.repeats = 0
        self._do(self._raise(wishes.trigger, "trigger"))
        while self.state.open and self.repeats < ROUNDS:
            self._go_on()
        self.undone = [*self.unused, *(it.wish for it in self.waiting)]

    @property
    def ending(self) -> str:
        """Say how it ended, or why the simulation stops while it goes on."""
        if not self.state.open:
            return "Over."
        return "From here it repeats itself: it is never silent until somebody ends it."

    def _go_on(self) -> None:
        """Do what somebody is there to do by now; else go on to the next moment at which something is due."""
        ready = next((it for it in self.waiting if it.due_at <= self.now and self._who(it)), None)
        if ready is not None:
            self.waiting.remove(ready)
            self._do(self._command(ready), ready.wish)
            return
        due = min(ESCALATION.deadlines(self.state), key=lambda deadline: deadline.due_at)  # an open one always has one
        coming = min((it.due_at for it in self.waiting if it.due_at > self.now), default=due.due_at)
        self.now = max(self.now, min(due.due_at, coming))
        if due.due_at <= self.now and not any(it.due_at == self.now and self._who(it) for it in self.waiting):
            self._do(command_for(due, self.directory, self.now))

    def _do(self, command: Command, wish: Wish | None = None) -> None:
        try:
            events = ESCALATION.decide(command, self.state)
        except Rejected as refusal:
            self.played.append(Played(self.now, self.state, None, refusal.code, wish))
            return
        for event in events:
            self.played.append(Played(self.now, self.state, event, wish=wish))
            self.state = ESCALATION.evolve(self.state, event)
            self.repeats += isinstance(event, AcknowledgementRanOut | EscalationExhausted)
            if isinstance(event, StepStarted) and event.task:
                self._wait_for(TaskNo(event.ladder_no, event.step))

    def _wait_for(self, task: TaskNo) -> None:
        run = self.state.run(task.ladder_no)
        if run is None or run.ladder is None:
            return
        for wish in [one for one in self.unused if one.means(run.ladder, task.step)]:
            self.unused.remove(wish)
            self.waiting.append(_Waiting(wish, task, self.now + wish.after))
        self.waiting.sort(key=lambda it: it.due_at)

    def _who(self, it: _Waiting) -> str | None:
        """Return who does it: the role that was named, whoever holds the task, or the first who was offered it and reacts."""
        if it.wish.role is not None:
            return PEOPLE[it.wish.role].lower()
        task = self.state.task(it.task.ladder_no, it.task.step) if it.task else None
        if task is None or task.holder is not None:
            return task.holder if task else None
        return next((person for person in task.offered if person not in self.absent), None)

    def _command(self, it: _Waiting) -> Command:
        by = self._who(it) or ""
        if it.task is None:
            return Acknowledge(self.state.escalation_id, by, "page", None, self.now)
        if it.wish.role is not None:
            return TakeTask(self.state.escalation_id, it.task, by, "page", self.now)
        run = self.state.run(it.task.ladder_no)
        rule = run.task_of(it.task.step) if run else None
        outcome = rule.outcome(it.wish.outcome or "") if rule else None
        raises = outcome.raises if outcome else None
        raised = self._raise(raises, f"{it.task}") if raises else None
        result = result_of(outcome, self.now) if outcome else TaskResult(it.wish.outcome or "", {})
        return DoTask(self.state.escalation_id, it.task, by, "page", result, None, raised, self.directory, self.now)

    def _raise(self, trigger: Trigger, event_id: str) -> Raise:
        return raised_by(self.policy, trigger, event_id, self.directory, self.now)
