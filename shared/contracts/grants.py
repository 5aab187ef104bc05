"""Who holds which role: the events of a grant stream, topic ``lonewatch.visits.v1``, and their fold.

Every service reads it, for authorisation and to know whom to reach.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from shared.contracts.base import Event, Id
from shared.contracts.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class GrantGiven(Event):
    """A person holds a role at a site, or at the operator. Stream ``grant-<site>``."""

    type: ClassVar[str] = "grant.given.v1"
    site_id: Id
    worker_id: Id
    role: Role


class GrantWithdrawn(Event):
    """A person no longer holds a role at a site."""

    type: ClassVar[str] = "grant.withdrawn.v1"
    site_id: Id
    worker_id: Id
    role: Role


EVENTS: tuple[type[Event], ...] = (GrantGiven, GrantWithdrawn)


@dataclass(frozen=True)
class Grants:
    """The roles that people hold, in the order in which they were given."""

    held: tuple[tuple[str, Role], ...] = field(default=())
    """Pairs of worker id and role."""

    def roles_of(self, worker_id: str) -> frozenset[Role]:
        """Return the roles of one person."""
        return frozenset(role for holder, role in self.held if holder == worker_id)

    def holders(self) -> Mapping[Role, tuple[str, ...]]:
        """Return who holds each role."""
        found: defaultdict[Role, list[str]] = defaultdict(list)
        for holder, role in self.held:
            found[role].append(holder)
        return {role: tuple(holders) for role, holders in found.items()}

    def __add__(self, other: Grants) -> Grants:
        """Join the grants of a site and those of the operator."""
        return Grants(self.held + tuple(pair for pair in other.held if pair not in self.held))


def evolve_grants(grants: Grants, event: Event) -> Grants:
    """Apply one event of a grant stream."""
    match event:
        case GrantGiven(worker_id=worker_id, role=role) if (worker_id, role) not in grants.held:
            return Grants((*grants.held, (worker_id, role)))
        case GrantWithdrawn(worker_id=worker_id, role=role):
            return Grants(tuple(pair for pair in grants.held if pair != (worker_id, role)))
        case _:
            return grants


def fold_grants(events: Iterable[Event]) -> Grants:
    """Return the grants after the events of one or more grant streams."""
    result = Grants()
    for event in events:
        result = evolve_grants(result, event)
    return result
