"""A trigger, with the ladder that it starts and who can be told of it. Values only: it judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.escalations import SYSTEM
from shared.contracts.grants import Grants
from shared.contracts.ladders import Ladder, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.troubles import Trouble


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


def subject_of(trigger: Trigger, visit_id: str | None, worker_id: str) -> str:
    """Return whom or what an escalation is about: the visit, the worker where there is none, or Lonewatch itself."""
    return SYSTEM if trigger == "system" else visit_id or worker_id
