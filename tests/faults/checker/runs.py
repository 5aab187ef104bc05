"""A ladder on its way, as its events tell it: which turn is next and when, and how its tasks stand. Judges nothing.

A turn is a step, or after the last step a round of exhaustion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.frozen import Frozen
from tests.faults.checker.history import Event, instant

STEP = "escalation.step_started.v1"
EXHAUSTED = "escalation.exhausted.v1"
TAKEN = "escalation.task_taken.v1"
PASSED_ON = "escalation.task_passed_on.v1"
DONE = "escalation.task_done.v1"


@dataclass
class Task:
    """A task that was offered: until when it is somebody's to take, or to finish."""

    passes_on_at: datetime | None = None
    done: bool = False


@dataclass
class Run:
    """Which turn is next, when that starts, and who keeps it from starting."""

    frozen: Frozen
    next_at: datetime
    free_since: datetime
    """Since when nobody's acknowledgement holds it."""
    turn: int = 1
    last: int = 0
    """The turn that started last."""
    rounds: int = 0
    started: set[int] = field(default_factory=set)
    tasks: dict[int, Task] = field(default_factory=dict)
    held: bool = False
    stopped: bool = False
    apart: bool = False
    """Its ladder is for other people, so none runs instead of it."""

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return len(self.frozen.steps)

    @property
    def free(self) -> bool:
        """Whether it has to go on by itself."""
        return not (self.held or self.stopped)

    @property
    def passes_on_at(self) -> datetime | None:
        """When the task of the last turn must pass on, unless the ladder goes on before."""
        task = self.tasks.get(self.last)
        if task is None or task.done or task.passes_on_at is None or not self.free:
            return None
        at = max(task.passes_on_at, self.free_since)
        return at if at < self.next_at else None

    def turned(self, event: Event) -> int:
        """Take a step or a round; return which turn it is."""
        if event.type == EXHAUSTED:
            round_ = int(event.data["round"])
            self.rounds = max(self.rounds, round_)
            turn = self.steps + round_
            self.turn = turn + 1
        else:
            turn = int(event.data["step"])
            self.started.add(turn)
            if event.data.get("task"):
                self.tasks[turn] = Task(moment(event, "passes_on_at"))
            self.turn = self._follows(turn)
        self.last = turn
        return turn

    def starts(self, event: Event | None) -> bool:
        """Say whether an event of this ladder is the turn that is next."""
        if event is None or event.type not in (STEP, EXHAUSTED):
            return False
        number = event.data["step"] if event.type == STEP else self.steps + event.data["round"]
        return bool(number == self.turn)

    def _follows(self, step: int) -> int:
        """Return which turn follows a step by its time: never an earlier one, and after a round always a round."""
        then = self.frozen.step(step).get("then")
        round_ = self.steps + self.rounds + 1
        if self.rounds or then == "exhausted":
            return round_
        named = self.frozen.number(then)
        following = named if named is not None and named > step else step + 1
        return following if following <= self.steps else round_

    def led_to(self, step: int, key: str | None) -> frozenset[int | None]:
        """Return to which turns an outcome of a step may lead that names this key: several where that is left open."""
        if self.stopped or key in (None, "resolved", "acknowledged"):
            return frozenset({None})
        number = self.frozen.number(key)
        if number is None:
            return frozenset({self.turn if self.last == step else None})
        if number <= step or number in self.started:
            return frozenset({None})
        if self.rounds:
            return frozenset({number})
        if number <= self.last:
            return frozenset({None})
        passed_by = self.turn <= self.steps and number < self.turn  # another outcome has led past it
        return frozenset({number, None}) if passed_by else frozenset({number})


def moment(event: Event, name: str) -> datetime | None:
    """Return an instant that an event may have."""
    value = event.data.get(name)
    return None if value is None else instant(value)


def judges_early(evidence: Evidence) -> bool:
    """Say whether what an event says of the future can be compared with when it was recorded: both in one time."""
    return not evidence.timing.clock_moved and not evidence.timing.outages
