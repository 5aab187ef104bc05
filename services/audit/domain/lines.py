"""What a timeline is made of: its lines and its summary. Frozen values; ids of persons, never their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.contracts.base import Sealed

Kind = Literal["happened", "expected"]
"""``happened`` is an event of the log; ``expected`` is what a rule demanded, with what became of it."""

Outcome = Literal["met", "met_late", "missed", "open", "withdrawn"]
"""What became of something expected. ``withdrawn``: it was no longer wanted, because something else came first."""


@dataclass(frozen=True)
class Line:
    """One line: an event, or something that was expected."""

    kind: Kind
    what: str
    """The event's type, or what was expected: check_in, approval, start, end, report, escalation, step, task,
    resolution, notification."""
    sentence: str
    """For people. A person stands in it as ``{worker_id}``; names are put in when the timeline is shown."""
    occurred_at: datetime
    """When it happened, as its sender says; for something expected, when it was due."""
    position: int | None = None
    recorded_at: datetime | None = None
    """When the log recorded it. None for something expected: it is no record."""
    actor: str | None = None
    """Who did it, or of whom it was expected."""
    clauses: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    ours: bool = False
    """A default of ours that fills what the operator's policy leaves open."""
    outcome: Outcome | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    sealed: Mapping[str, Sealed] = field(default_factory=dict)
    """Members of ``details`` that whoever may read the timeline may read open: the place and notes."""


@dataclass(frozen=True)
class StepSummary:
    """A step of a ladder, or a round of telling everyone, that started."""

    ladder_no: int
    step: int | None
    """None for a round after the last step."""
    name: str
    started_at: datetime
    told: tuple[str, ...]


@dataclass(frozen=True)
class TaskSummary:
    """A task of a ladder at a glance: who held it last, who did it, and what came of it. None where that did not come."""

    ladder_no: int
    step: int
    name: str
    offered_at: datetime
    offered_to: tuple[str, ...]
    """Everybody who was ever offered it."""
    taken_at: datetime | None = None
    taken_by: str | None = None
    done_at: datetime | None = None
    done_by: str | None = None
    outcome: str | None = None
    left_at: datetime | None = None
    """When the worker left, as whoever did the task was told."""
    called_at: datetime | None = None
    """When emergency services were called, as whoever did the task says."""
    late: bool = False
    """Whether the ladder had gone on before it was done."""


@dataclass(frozen=True)
class EscalationSummary:
    """One escalation at a glance. An instant is None where it did not come."""

    escalation_id: str
    trigger: str
    due_at: datetime | None
    """The deadline that was missed, its grace included; None for help."""
    opened_at: datetime
    first_attempt_at: datetime | None = None
    acknowledged_at: datetime | None = None
    """The first time that somebody took it."""
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    stood_down_at: datetime | None = None
    lapsed_at: datetime | None = None
    """When it ended by itself, because what was awaited came."""
    steps: tuple[StepSummary, ...] = ()
    tasks: tuple[TaskSummary, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What became of it all. ``through`` is the last position that is shown, what was read by whom left out."""

    status: str
    """Of the visit: absent, planned, approved, refused, cancelled, started or ended. Absent where there is no visit."""
    through: int = 0
    site_id: str | None = None
    worker_id: str | None = None
    escalations: tuple[EscalationSummary, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """What happened and what was expected, in order, as known at ``now``."""

    now: datetime
    summary: Summary
    lines: tuple[Line, ...]
