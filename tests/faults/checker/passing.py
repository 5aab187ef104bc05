"""I7 for tasks: nobody keeps one for longer than they may, and what came of it leads where the ladder says.

No outcome puts a step off, and none that leads on is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.faults.checker.evidence import WITHIN, Evidence
from tests.faults.checker.frozen import Part, after
from tests.faults.checker.history import Event, Violation
from tests.faults.checker.runs import DONE, PASSED_ON, TAKEN, Run, moment

EARLY = timedelta(seconds=1)
"""How much before its time a step may be in the log. Two readings of one clock are never that far apart."""

HANDED_OVER = "escalation.task_handed_over.v1"
TASKS = frozenset({TAKEN, HANDED_OVER, PASSED_ON, DONE})

FOLLOWS = {"resolved": "escalation.resolved.v1", "acknowledged": "escalation.acknowledged.v1"}
"""Where an outcome leads that is no step, to the event that comes with it in one commit."""


@dataclass
class Passing:
    """What must come next in the stream, because of what came last; and what is wrong where it does not."""

    follows: str | None = None
    otherwise: Violation | None = None

    def followed_by(self, event: Event | None) -> Iterator[Violation]:
        """Take the next event of the stream, or its end."""
        if self.otherwise is not None and (event is None or event.type != self.follows):
            yield self.otherwise
        self.otherwise = None

    def see(self, evidence: Evidence, event: Event, run: Run) -> Iterator[Violation]:
        """Take what happened to a task of a ladder."""
        step = event.data["step"]
        task = run.tasks.get(step)
        if task is None:
            return  # of a step that cannot be read, or that is judged by I5
        if run.stopped:
            yield from self._stopped(event, run)
        if event.type == DONE:
            task.done = True
            yield from self._done(evidence, event, run)
        elif event.type == TAKEN:
            task.passes_on_at = moment(event, "passes_on_at")
            if task.passes_on_at is None and run.last == step:
                yield Violation("I7", "a task was taken, and nothing says when it passes on", event.where)
            yield from _within(evidence, event, run.frozen.time(step, "finish_within"))
        elif event.type == PASSED_ON:
            yield from _in_time(event, task.passes_on_at)
            task.passes_on_at = moment(event, "passes_on_at")
            yield from _within(evidence, event, run.frozen.time(step, "take_within"))

    def _stopped(self, event: Event, run: Run) -> Iterator[Violation]:
        """Of a ladder that was stopped, somebody may still say what is a trigger, and have the task only by that."""
        goes_on = Violation("I7", "a task of a ladder that was stopped goes on", event.where)
        if event.type == TAKEN:
            self.follows, self.otherwise = DONE, goes_on
        elif event.type != DONE or not (run.frozen.outcome(event.data["step"], event.data["outcome"]) or {}).get(
            "raises"
        ):
            yield goes_on

    def _done(self, evidence: Evidence, event: Event, run: Run) -> Iterator[Violation]:
        step, code = event.data["step"], event.data["outcome"]
        outcome = run.frozen.outcome(step, code)
        if outcome is None:
            if run.frozen.task(step):
                yield Violation("I7", f"the task has no outcome {code}", event.where)
            return
        turn = event.data.get("next_turn")
        leads_to = outcome.get("leads_to")
        may = run.led_to(step, leads_to)
        if turn not in may:
            ignored = turn is None
            sentence = "an outcome was ignored: it leads to another step" if ignored else f"no outcome leads to {turn}"
            yield Violation("I7", f"{sentence}, by {code} of step {step}", event.where)
        if turn is not None:
            yield from _no_later(evidence, event, run, outcome)
            run.turn, run.next_at = turn, moment(event, "next_at") or run.next_at
        if run.apart and leads_to == "resolved":
            return  # beside another ladder it acknowledges its own
        if leads_to in FOLLOWS and (leads_to == "acknowledged" or outcome.get("raises") is None):
            self.follows = FOLLOWS[leads_to]
            sentence = f"an outcome was ignored: no {self.follows} came with it"
            if run.free or (leads_to == "resolved" and not run.stopped):
                self.otherwise = Violation("I7", sentence, event.where)


def _no_later(evidence: Evidence, event: Event, run: Run, outcome: Part) -> Iterator[Violation]:
    """The step to which an outcome leads starts in the outcome's own time, and never later than it would have anyway."""
    next_at = moment(event, "next_at")
    if next_at is None:
        yield Violation("I7", "an outcome leads on, and does not say when", event.where)
        return
    if next_at > run.next_at + EARLY:
        yield Violation("I7", "an outcome puts the next turn off", event.where)
    if evidence.timing.clock_moved or evidence.timing.outages:
        return
    own = event.recorded_at + after(outcome)
    if next_at > own + EARLY:
        yield Violation("I7", "an outcome was ignored: the step comes later than the ladder says", event.where)
    if next_at < min(run.next_at, own) - WITHIN:
        yield Violation("I7", "an outcome leads on sooner than the ladder says", event.where)


def _in_time(event: Event, due_at: datetime | None) -> Iterator[Violation]:
    """What passes on by its time passes on then; what is given back, or reached nobody, at any time."""
    if event.data["reason"] in ("untaken", "unfinished") and (due_at is None or event.recorded_at < due_at - EARLY):
        yield Violation("I7", "a task passed on before its time", event.where)


def _within(evidence: Evidence, event: Event, time: timedelta | None) -> Iterator[Violation]:
    """Nobody is given a task for longer than the ladder says."""
    passes_on_at = moment(event, "passes_on_at")
    if time is None or passes_on_at is None or evidence.timing.clock_moved or evidence.timing.outages:
        return
    if passes_on_at > event.recorded_at + time + EARLY:
        yield Violation("I7", "a task stays with somebody for longer than the ladder says", event.where)
