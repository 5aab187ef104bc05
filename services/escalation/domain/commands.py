"""What can be asked of an escalation, by people, by other streams and by the clock. Values only: it judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.base import Sealed
from shared.contracts.escalations import SYSTEM
from shared.contracts.grants import Grants
from shared.contracts.ladders import Ladder, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.troubles import Trouble
from shared.decider import Deadline


@dataclass(frozen=True)
class Directory:
    """Who can be told at this moment, as worker ids in the order in which their roles were given."""

    holders: Mapping[Role, tuple[str, ...]]
    everyone: tuple[str, ...]
    """All who may be told of an escalation at the site, those of the operator included."""

    @classmethod
    def of(cls, grants: Grants) -> Directory:
        """Return the directory that the grants of a site and of the operator make."""
        return cls(grants.holders(), tuple(dict.fromkeys(holder for holder, role in grants.held if role in RESPONDERS)))

    def roles_of(self, worker_id: str, roles: Iterable[Role]) -> tuple[Role, ...]:
        """Return which of these roles a person holds."""
        return tuple(role for role in roles if worker_id in self.holders.get(role, ()))


@dataclass(frozen=True)
class Raise:
    """A trigger came: open an escalation, or join the one that is open."""

    trigger: Trigger
    trigger_event_id: str
    visit_id: str | None
    worker_id: str
    site_id: str
    due_at: datetime | None
    policy_id: str | None
    policy_version: int | None
    ladder: Ladder | None
    """The policy's ladder for this trigger. None where it cannot be read."""
    directory: Directory
    now: datetime
    late: str | None = None
    """Why the trigger was recorded later than promised."""
    trouble: Trouble | None = None
    """What is wrong with us, where that is the trigger."""

    @property
    def subject(self) -> str:
        """Whom or what it is about."""
        return subject_of(self.trigger, self.visit_id, self.worker_id)


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


Command = Raise | Lapse | PersonNotReached | StartNextStep | Acknowledge | AcknowledgementRunsOut | Resolve | StandDown


def subject_of(trigger: Trigger, visit_id: str | None, worker_id: str) -> str:
    """Return whom or what an escalation is about: the visit, the worker where there is none, or Lonewatch itself."""
    return SYSTEM if trigger == "system" else visit_id or worker_id


def command_for(deadline: Deadline, directory: Directory, now: datetime) -> StartNextStep | AcknowledgementRunsOut:
    """Return the command that a deadline of this domain stands for. Raises ValueError for another's deadline."""
    match deadline.kind, [int(part) for part in deadline.subject.split(".")]:
        case "step", [episode, ladder_no, turn]:
            return StartNextStep(episode, ladder_no, turn, directory, now)
        case "acknowledgement", [episode]:
            return AcknowledgementRunsOut(episode, directory, now)
        case _:
            raise ValueError(f"no deadline of an escalation: {deadline.kind} {deadline.subject}")
