"""Events of escalation about the tasks of a ladder. Same streams and topic as ``escalations``.

A task is the step of a ladder that started: it is named by the escalation, the number of the ladder and the step. What is
to be done and what may come of it stands in the ladder, frozen when it started.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Code, Event, Id, Instant, Sealed

Via = Literal["page", "reply", "api"]
"""How somebody acted."""

Answer = Literal["yes", "no", "unclear"]
"""To a question of a task."""


class TaskTaken(Event):
    """Somebody has taken a task, or accepted one that was handed to them. Nobody else holds it from here on."""

    type: ClassVar[str] = "escalation.task_taken.v1"
    escalation_id: Id
    ladder_no: int
    step: int
    by: Id
    via: Via
    handed_by: Id | None = None
    """Who had held it and handed it over."""
    passes_on_at: Instant | None
    """Not done until then, it is free again and offered to the next. None where the ladder has gone on already."""
    cites: Cites


class TaskHandedOver(Event):
    """Whoever holds a task asks somebody to take it over. Until they do, it stays with whoever holds it."""

    type: ClassVar[str] = "escalation.task_handed_over.v1"
    escalation_id: Id
    ladder_no: int
    step: int
    by: Id
    to: Id
    asks: tuple[Ask, ...]
    """The one person."""


class TaskPassedOn(Event):
    """A task is free and offered to others. ``asks`` may be empty: then nobody else is there for it."""

    type: ClassVar[str] = "escalation.task_passed_on.v1"
    escalation_id: Id
    ladder_no: int
    step: int
    reason: Literal["untaken", "unfinished", "given_back", "reached_nobody"]
    """Nobody took it; it was not done in time; whoever held it gave it back; nobody of those offered it could be told."""
    by: Id | None
    """Who held it until now."""
    asks: tuple[Ask, ...]
    part: int = 1
    passes_on_at: Instant | None
    """Untaken until then, it passes on again. None where nobody is left to offer it to: the next step is all that follows."""
    cites: Cites


class TaskDone(Event):
    """What came of a task. Where it leads to a step of its ladder, that step starts at ``next_at``."""

    type: ClassVar[str] = "escalation.task_done.v1"
    escalation_id: Id
    ladder_no: int
    step: int
    by: Id
    via: Via
    outcome: Code
    answers: dict[Code, Answer]
    left_at: Instant | None = None
    """When the worker left, as a contact said it: a claim."""
    called_at: Instant | None = None
    """When emergency services were called, as whoever called says it."""
    reference: Sealed | None = None
    """Under which the emergency services have it."""
    note: Sealed | None = None
    late: bool = False
    """The ladder had gone on to another step before."""
    next_turn: int | None = None
    """The turn of the ladder that follows now; None: the ladder keeps its next turn and its time."""
    next_at: Instant | None = None
    """When that turn starts."""
    cites: Cites


EVENTS: tuple[type[Event], ...] = (TaskTaken, TaskHandedOver, TaskPassedOn, TaskDone)
