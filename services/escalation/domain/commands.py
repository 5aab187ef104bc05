"""What can be asked of an escalation, by people, by other streams and by the clock. Values only: it judges nothing.

Triggers stand in ``triggers``, what can be asked of a task in ``task_commands``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.escalation.domain.task_commands import TaskCommand, TaskNo, TaskRunsOut
from services.escalation.domain.triggers import Directory, Raise
from shared.contracts.base import Sealed
from shared.contracts.ladders import Trigger
from shared.decider import Deadline


@dataclass(frozen=True)
class Lapse:
    """Something came that had been awaited: there may be nothing left to tell anybody."""

    reason: str
    """What came."""
    moot: frozenset[Trigger]
    """The triggers that have no reason any more."""
    came_at: datetime
    """When it came: a trigger that fell due later awaits something else."""
    now: datetime


@dataclass(frozen=True)
class PersonNotReached:
    """Somebody whom a step asked could not be told by any way that there is."""

    notification_id: str
    unreached: frozenset[str]
    """Every notification of the escalation of which that is known by now, this one included."""
    directory: Directory
    """Who can be told instead."""
    now: datetime


@dataclass(frozen=True)
class StartNextStep:
    """The time of a ladder's next turn has come."""

    episode: int
    ladder_no: int
    turn: int
    directory: Directory
    now: datetime


@dataclass(frozen=True)
class Acknowledge:
    """Somebody takes the escalation, as far as they know of it."""

    escalation_id: str
    """The episode that they mean: an old link must not stop a new alarm."""
    by: str
    via: Literal["page", "reply", "api"]
    triggers_seen: int | None
    """How many triggers of the episode they knew of; None where they act on whatever there is."""
    now: datetime


@dataclass(frozen=True)
class AcknowledgementRunsOut:
    """The time of an acknowledgement has come, and nobody ended the escalation."""

    episode: int
    directory: Directory
    now: datetime


@dataclass(frozen=True)
class Resolve:
    """Somebody says that the worker is safe: confirmed by whom, and how."""

    escalation_id: str
    by: str
    confirmed_by: str
    how: str
    note: Sealed | None
    triggers_seen: int | None
    """As in Acknowledge: what joined later cannot have been meant."""
    now: datetime


@dataclass(frozen=True)
class StandDown:
    """Somebody says that it was a false alarm, and why."""

    escalation_id: str
    by: str
    reason: str
    note: Sealed | None
    triggers_seen: int | None
    """As in Acknowledge: what joined later cannot have been meant."""
    now: datetime


Command = (
    Raise
    | Lapse
    | PersonNotReached
    | StartNextStep
    | Acknowledge
    | AcknowledgementRunsOut
    | Resolve
    | StandDown
    | TaskCommand
)


def command_for(
    deadline: Deadline, directory: Directory, now: datetime
) -> StartNextStep | AcknowledgementRunsOut | TaskRunsOut:
    """Return the command that a deadline of this domain stands for. Raises ValueError for another's deadline."""
    match deadline.kind, [int(part) for part in deadline.subject.split(".")]:
        case "step", [episode, ladder_no, turn]:
            return StartNextStep(episode, ladder_no, turn, directory, now)
        case "task", [episode, ladder_no, step, change]:
            return TaskRunsOut(episode, TaskNo(ladder_no, step), change, directory, now)
        case "acknowledgement", [episode]:
            return AcknowledgementRunsOut(episode, directory, now)
        case _:
            raise ValueError(f"no deadline of an escalation: {deadline.kind} {deadline.subject}")
