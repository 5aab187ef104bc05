"""I7: each armed step starts in its time whatever the one before did; exhaustion alarms and goes on alarming.

What tasks add to that is judged in ``passing``. Folds ladders by itself, from the records alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.faults.checker.episodes import ENDS, OPENED
from tests.faults.checker.evidence import WITHIN, Evidence
from tests.faults.checker.frozen import RAISED, frozen_in
from tests.faults.checker.history import Event, Violation, instant
from tests.faults.checker.passing import EARLY, TASKS, Passing
from tests.faults.checker.runs import EXHAUSTED, PASSED_ON, STEP, Run, judges_early

NOBODY = "escalation.step_reached_nobody.v1"
RAN_OUT = "escalation.acknowledgement_ran_out.v1"
ACKNOWLEDGED = "escalation.acknowledged.v1"


@dataclass
class Episode:
    """What runs in one escalation, at one position of its stream."""

    evidence: Evidence
    runs: dict[int, Run] = field(default_factory=dict)
    held_until: datetime | None = None
    passing: Passing = field(default_factory=Passing)

    def see(self, event: Event) -> Iterator[Violation]:
        """Take one event; what should have happened before it is looked at first."""
        yield from self.overdue(event.recorded_at, event)
        yield from self.passing.followed_by(event)
        if event.type == OPENED:
            self.runs, self.held_until = {}, None
        if event.type in ENDS:
            self.runs, self.held_until = {}, None
        elif event.data.get("part", 1) > 1:
            return
        elif event.type in RAISED:
            yield from self._raised(event)
        elif event.type in (STEP, EXHAUSTED, NOBODY):
            yield from self._turn(event)
        elif event.type in TASKS:
            if (run := self.runs.get(event.data["ladder_no"])) is not None:
                yield from self.passing.see(self.evidence, event, run)
        elif event.type == ACKNOWLEDGED:
            for number in event.data["ladders"]:
                if number in self.runs:
                    self.runs[number].held = True
            self.held_until = instant(event.data["runs_out_at"])
        elif event.type == RAN_OUT:
            yield from self._ran_out(event)

    def overdue(self, at: datetime, event: Event | None) -> Iterator[Violation]:
        """Say what should have started before ``at``, and set it to that time, so that it is said once."""
        for number, run in self.runs.items():
            this = event is not None and event.data.get("ladder_no") == number
            if run.free and self.evidence.timing.late(at, run.next_at):
                what = f"turn {run.turn} of ladder {number}"
                sentence = (
                    f"{what} started too late" if this and run.starts(event) else f"{what} did not start in its time"
                )
                yield Violation("I7", sentence, _place(event, run.next_at))
                run.next_at = at
            due_at = run.passes_on_at
            if due_at is not None and self.evidence.timing.late(at, due_at):
                passed = this and event is not None and event.type == PASSED_ON
                what = f"the task of step {run.last} of ladder {number}"
                sentence = f"{what} passed on too late" if passed else f"{what} did not pass on in its time"
                yield Violation("I7", sentence, _place(event, due_at))
                run.tasks[run.last].passes_on_at = at
        if self.held_until is not None and self.evidence.timing.late(at, self.held_until):
            yield Violation("I7", "an acknowledgement did not run out in its time", _place(event, self.held_until))
            self.held_until = None

    def _raised(self, event: Event) -> Iterator[Violation]:
        number, stopped = event.data.get("ladder_no"), set(event.data.get("stopped") or ())
        frozen = frozen_in(event)
        if stopped and (number is None or not frozen.ladder.get("instead")):
            yield Violation("I7", "ladders are stopped and no other runs instead of them", event.where)
            return
        for one, run in self.runs.items():
            run.stopped = run.stopped or one in stopped
        beside = any(not (run.stopped or run.apart) for run in self.runs.values())
        if event.data["trigger"] == "duress" and frozen.ladder.get("instead") and beside:
            yield Violation("I7", "a ladder goes on although another runs instead of it", event.where)
        if number is not None:
            apart = event.data["trigger"] == "safeguarding"
            self.runs[number] = Run(frozen, event.recorded_at, event.recorded_at, apart=apart)

    def _turn(self, event: Event) -> Iterator[Violation]:
        run = self.runs.get(event.data["ladder_no"])
        if run is None:
            return  # of a ladder whose start cannot be read, or that is judged by I5
        if run.stopped:
            yield Violation("I7", "a ladder goes on that was stopped", event.where)
        next_at = instant(event.data["next_at"])
        if event.type != NOBODY:
            if event.recorded_at < run.next_at - EARLY:
                yield Violation("I7", f"turn {run.turn} started before its time", event.where)
            expected = run.turn
            turn = run.turned(event)
            if turn != expected:
                yield Violation("I7", f"turn {turn} of the ladder started where turn {expected} was next", event.where)
            yield from _waits(self.evidence, event, run, next_at)
        run.next_at = next_at

    def _ran_out(self, event: Event) -> Iterator[Violation]:
        if self.held_until is not None and event.recorded_at < self.held_until - EARLY:
            yield Violation("I7", "an acknowledgement ran out before its time", event.where)
        self.held_until = None
        for run in self.runs.values():
            if run.held:
                run.held, run.next_at, run.free_since = False, instant(event.data["next_at"]), event.recorded_at


def _waits(evidence: Evidence, event: Event, run: Run, next_at: datetime) -> Iterator[Violation]:
    """A step says that the next one starts after its own wait: no later, and no earlier but where it asks nobody."""
    step = event.type == STEP
    wait = run.frozen.wait(run.last) if step else run.frozen.repeats
    if wait is None or not judges_early(evidence):
        return
    if next_at > event.recorded_at + wait + EARLY:
        yield Violation("I7", f"the turn after turn {run.last} waits longer than the ladder says", event.where)
    if step and event.data["asks"] and not run.rounds and next_at < event.recorded_at + wait - WITHIN:
        yield Violation("I7", f"the turn after turn {run.last} waits less than the ladder says", event.where)


def _place(event: Event | None, due_at: datetime) -> str:
    return f"due {due_at.isoformat()}, {'the end of the log' if event is None else event.where}"


def judge_ladders(evidence: Evidence) -> Iterator[Violation]:
    """Return steps and rounds that did not start in their time, or not in their order, and tasks left with nobody."""
    for stream_id, events in evidence.log.streams.items():
        if stream_id.startswith("escalation-") and stream_id not in evidence.log.torn:
            yield from _followed(evidence, events)


def _followed(evidence: Evidence, events: Sequence[Event]) -> Iterator[Violation]:
    episode = Episode(evidence)
    for event in events:
        yield from episode.see(event)
    yield from episode.overdue(evidence.log.now, None)
    yield from episode.passing.followed_by(None)
