"""What is shown of one episode, in ids and codes. Values only; ``folding`` makes them of the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.escalation.application.task_account import TaskAccount
from services.escalation.domain.task_commands import TaskNo
from shared.contracts.base import Cites, Sealed
from shared.contracts.escalations import EscalationOpened
from shared.contracts.ladders import GRAVITY, Ladder, Trigger
from shared.contracts.troubles import Trouble

State = Literal["open", "acknowledged", "resolved", "stood_down", "lapsed"]


@dataclass(frozen=True)
class Triggering:
    """A trigger of the episode: the first opened it, the others joined."""

    trigger: Trigger
    trigger_event_id: str
    triggered_at: datetime
    due_at: datetime | None
    ladder_no: int | None
    """The ladder that it started; None where one that ran was enough."""
    late: str | None = None
    """Why it was recorded later than promised."""
    trouble: Trouble | None = None
    """What is wrong with us, where that is the trigger."""


@dataclass(frozen=True)
class Turn:
    """A step of a ladder, or a round of telling everyone after the last. Without ``started_at`` it is still to come."""

    ladder_no: int
    step: int | None
    round: int | None
    name: str
    cites: Cites
    started_at: datetime | None = None
    told: tuple[str, ...] = ()
    next_at: datetime | None = None
    reached_nobody: bool = False
    """None of those whom it tells could be told, so the next one followed at once."""


@dataclass(frozen=True)
class Taken:
    """That somebody took it, how, until when, and whether that ran out."""

    by: str
    via: str
    taken_at: datetime
    runs_out_at: datetime
    ran_out_at: datetime | None = None


@dataclass(frozen=True)
class Ended:
    """How it ended."""

    by: str | None
    """Who ended it; None where what was awaited came."""
    ended_at: datetime
    how: str
    """How the worker was confirmed safe, why it was a false alarm, or what came."""
    confirmed_by: str | None = None
    note: Sealed | None = None


@dataclass(frozen=True)
class Account:
    """One episode."""

    opened: EscalationOpened
    now: datetime
    """The log's time of this account."""
    position: int
    state: State = "open"
    triggers: tuple[Triggering, ...] = ()
    ladders: tuple[tuple[int, Ladder | None], ...] = ()
    stopped: frozenset[int] = frozenset()
    """The ladders that another one stopped for good."""
    turns: tuple[Turn, ...] = ()
    to_come: tuple[Turn, ...] = ()
    """The steps that follow one another if nobody does anything, in each ladder that was not stopped."""
    told: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()
    tasks: tuple[TaskAccount, ...] = ()
    """What was offered to people to do, in the order in which it began."""
    ended: Ended | None = None
    next_at: datetime | None = None
    """When the next turn of any ladder starts; None while somebody holds it and after its end."""

    @property
    def gravest(self) -> Triggering:
        """What is said first of it: the gravest trigger, the first of equals."""
        return max(self.triggers, key=lambda one: GRAVITY[one.trigger])

    @property
    def holder(self) -> Taken | None:
        """Who has it now."""
        return self.taken[-1] if self.taken and self.taken[-1].ran_out_at is None and self.ended is None else None

    @property
    def people(self) -> frozenset[str]:
        """Whoever it names."""
        ended = (self.ended.by, self.ended.confirmed_by) if self.ended else ()
        named = {self.opened.worker_id, *self.told, *(taken.by for taken in self.taken), *ended}
        return frozenset(who for who in named if who is not None).union(*(task.people for task in self.tasks))

    @property
    def of_system(self) -> bool:
        """Whether it is about Lonewatch itself, and nobody is known to be in danger."""
        return self.opened.trigger == "system"

    @property
    def under_duress(self) -> bool:
        """Whether the worker may be with somebody who must not notice anything."""
        return any(triggering.trigger == "duress" for triggering in self.triggers)

    def task(self, no: TaskNo) -> TaskAccount | None:
        """Return a task that was offered; None for one that never was."""
        return next((task for task in self.tasks if task.no == no), None)
