"""I7: each armed step starts in its time whatever the one before did; exhaustion alarms and goes on alarming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.faults.checker.episodes import ENDS, OPENED
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation, instant

EARLY = timedelta(seconds=1)
"""How much before its time a step may be in the log. Two readings of one clock are never that far apart."""

STEP = "escalation.step_started.v1"
EXHAUSTED = "escalation.exhausted.v1"
NOBODY = "escalation.step_reached_nobody.v1"
RAN_OUT = "escalation.acknowledgement_ran_out.v1"


@dataclass
class Run:
    """A ladder on its way: how many steps it has, which turn is next, and when that starts (None: it is held)."""

    steps: int
    next_at: datetime
    turn: int = 1
    held: bool = False


@dataclass
class Episode:
    """What runs in one escalation, at one position of its stream."""

    evidence: Evidence
    runs: dict[int, Run] = field(default_factory=dict)
    held_until: datetime | None = None

    def see(self, event: Event) -> Iterator[Violation]:
        """Take one event; what should have happened before it is looked at first."""
        yield from self.overdue(event.recorded_at, event)
        if event.type == OPENED:
            self.runs, self.held_until = {}, None
        if event.type in ENDS:
            self.runs, self.held_until = {}, None
        elif event.data.get("part", 1) > 1:
            return
        elif event.type in (OPENED, "escalation.joined.v1") and event.data.get("ladder_no") is not None:
            ladder = event.data.get("ladder") or {"steps": ()}
            self.runs[event.data["ladder_no"]] = Run(len(ladder["steps"]), event.recorded_at)
        elif event.type in (STEP, EXHAUSTED, NOBODY):
            yield from self._turn(event)
        elif event.type == "escalation.acknowledged.v1":
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
            if not run.held and self.evidence.timing.late(at, run.next_at):
                what = f"turn {run.turn} of ladder {number}"
                sentence = f"{what} started too late" if this else f"{what} did not start in its time"
                yield Violation("I7", sentence, _place(event, run.next_at))
                run.next_at = at
        if self.held_until is not None and self.evidence.timing.late(at, self.held_until):
            yield Violation("I7", "an acknowledgement did not run out in its time", _place(event, self.held_until))
            self.held_until = None

    def _turn(self, event: Event) -> Iterator[Violation]:
        run = self.runs.get(event.data["ladder_no"])
        if run is None:
            return  # of a ladder whose start cannot be read, or that is judged by I5
        next_at = instant(event.data["next_at"])
        if event.type != NOBODY:
            if event.recorded_at < run.next_at - EARLY:
                yield Violation("I7", f"turn {run.turn} started before its time", event.where)
            turn = event.data["step"] if event.type == STEP else run.steps + event.data["round"]
            if turn != run.turn:
                yield Violation("I7", f"turn {turn} of the ladder started where turn {run.turn} was next", event.where)
            run.turn = turn + 1
        run.next_at = next_at

    def _ran_out(self, event: Event) -> Iterator[Violation]:
        if self.held_until is not None and event.recorded_at < self.held_until - EARLY:
            yield Violation("I7", "an acknowledgement ran out before its time", event.where)
        self.held_until = None
        for run in self.runs.values():
            if run.held:
                run.held, run.next_at = False, instant(event.data["next_at"])


def _place(event: Event | None, due_at: datetime) -> str:
    return f"due {due_at.isoformat()}, {'the end of the log' if event is None else event.where}"


def judge_ladders(evidence: Evidence) -> Iterator[Violation]:
    """Return steps and rounds that did not start in their time, or not in their order."""
    for stream_id, events in evidence.log.streams.items():
        if stream_id.startswith("escalation-") and stream_id not in evidence.log.torn:
            yield from _followed(evidence, events)


def _followed(evidence: Evidence, events: Sequence[Event]) -> Iterator[Violation]:
    episode = Episode(evidence)
    for event in events:
        yield from episode.see(event)
    yield from episode.overdue(evidence.log.now, None)
