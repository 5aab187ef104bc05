"""What can be asked of a task: to take it, hand it over, give it back, say what came of it. Values only: it judges nothing.

``task`` names it: the number of its ladder and of its step. Whoever acts may be anybody who may act on the escalation, but
never the worker whom it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.escalation.domain.triggers import Directory, Raise
from shared.contracts.base import Sealed
from shared.contracts.tasks import Answer, Via


@dataclass(frozen=True, order=True)
class TaskNo:
    """Which task of an escalation: ``2-3`` is step 3 of ladder 2."""

    ladder_no: int
    step: int

    def __str__(self) -> str:
        """Return it as it stands in addresses."""
        return f"{self.ladder_no}-{self.step}"

    @classmethod
    def of(cls, text: str) -> TaskNo:
        """Read it from an address. Raises ValueError."""
        ladder_no, step = text.split("-")
        return cls(int(ladder_no), int(step))


@dataclass(frozen=True)
class TakeTask:
    """Somebody takes a task that is free, or accepts one that was handed to them."""

    escalation_id: str
    task: TaskNo
    by: str
    via: Via
    now: datetime


@dataclass(frozen=True)
class HandOverTask:
    """Whoever holds a task asks somebody else to take it."""

    escalation_id: str
    task: TaskNo
    by: str
    to: str
    directory: Directory
    """Who may be asked."""
    now: datetime


@dataclass(frozen=True)
class GiveBackTask:
    """Whoever holds a task cannot do it."""

    escalation_id: str
    task: TaskNo
    by: str
    directory: Directory
    now: datetime


@dataclass(frozen=True)
class TaskResult:
    """What came of a task, as whoever did it says."""

    outcome: str
    answers: Mapping[str, Answer]
    left_at: datetime | None = None
    called_at: datetime | None = None
    reference: Sealed | None = None
    note: Sealed | None = None


@dataclass(frozen=True)
class DoTask:
    """Somebody says what came of a task. One that nobody holds is taken by that."""

    escalation_id: str
    task: TaskNo
    by: str
    via: Via
    result: TaskResult
    triggers_seen: int | None
    """How many triggers of the episode they knew of, as in Resolve; None where they act on whatever there is."""
    raised: Raise | None
    """The trigger that this outcome is, with its ladder, where the policy says that it raises one."""
    directory: Directory
    now: datetime


@dataclass(frozen=True)
class TaskRunsOut:
    """The time has come at which a task passes on."""

    episode: int
    task: TaskNo
    change: int
    """How often it had been offered, taken or handed over when this was armed: a later change makes this moot."""
    directory: Directory
    now: datetime


TaskCommand = TakeTask | HandOverTask | GiveBackTask | DoTask | TaskRunsOut
