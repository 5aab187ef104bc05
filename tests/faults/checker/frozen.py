"""What a ladder says, as it was frozen when it began: its steps, its tasks, and what may come of them. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from tests.faults.checker.history import Event, Log
from tests.faults.checker.visits import span

RAISED = ("escalation.opened.v1", "escalation.joined.v1")

Part: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Frozen:
    """A ladder. Where a step lacks what is asked for, nothing is known of it, and nothing follows."""

    ladder: Part

    @property
    def steps(self) -> Sequence[Part]:
        """Its steps; none where the ladder could not be read."""
        return self.ladder.get("steps") or ()

    def step(self, number: int) -> Part:
        """Return what is said of a step, from 1."""
        return self.steps[number - 1] if 1 <= number <= len(self.steps) else {}

    def task(self, number: int) -> Part:
        """Return what a step gives somebody to do; nothing where it is no task."""
        return self.step(number).get("task") or {}

    def outcome(self, number: int, code: str) -> Part | None:
        """Return what the ladder says of an outcome; None where the task has none with this code."""
        return next((one for one in self.task(number).get("outcomes", ()) if one["code"] == code), None)

    def number(self, key: str | None) -> int | None:
        """Return which step a key names; None for none, and for words that are no step's."""
        keys = [step.get("key") for step in self.steps]
        return keys.index(key) + 1 if key is not None and key in keys else None

    def wait(self, number: int) -> timedelta | None:
        """Return how long after a step the next one starts."""
        return _span(self.step(number).get("wait"))

    @property
    def repeats(self) -> timedelta | None:
        """How often everyone is told once no step is left."""
        return _span((self.ladder.get("repeat_every") or {}).get("span"))

    def time(self, number: int, name: str) -> timedelta | None:
        """Return how long a task may stay untaken (``take_within``), or unfinished (``finish_within``)."""
        return _span((self.task(number).get(name) or {}).get("span"))


def after(outcome: Part) -> timedelta:
    """Return how long after an outcome the step starts to which it leads."""
    return _span(outcome.get("after")) or timedelta(0)


def ladders_of(log: Log) -> Mapping[tuple[str, int], Frozen]:
    """Return every ladder by its escalation and its number."""
    return {key: frozen_in(event) for event in log.of(*RAISED) if (key := _key(event)) is not None}


def _key(event: Event) -> tuple[str, int] | None:
    number = event.data.get("ladder_no")
    return None if number is None else (str(event.data["escalation_id"]), int(number))


def frozen_in(event: Event) -> Frozen:
    """Return the ladder that an opening or a join froze."""
    return Frozen(event.data.get("ladder") or {})


def _span(text: str | None) -> timedelta | None:
    return None if text is None else span(text)
