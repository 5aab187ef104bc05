"""Whom notifier reaches and whom it speaks of: folds of worker streams. Opens no sealed field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from shared.contracts.base import stream_of
from shared.contracts.envelope import Undecodable
from shared.contracts.visits import ContactPointsSet, WorkerRegistered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from shared.contracts.base import Event, Sealed
    from shared.contracts.notifications import Message
    from shared.contracts.visits import ContactPoint
    from shared.runtime.commands import Commands
    from shared.runtime.log import Stream


@dataclass(frozen=True)
class Person:
    """A person's name and the ways to reach them, still sealed."""

    name: Sealed | None = None
    site_id: str | None = None
    registered: bool = False
    contact_points: tuple[ContactPoint, ...] = ()

    def point(self, contact_point_id: str) -> ContactPoint | None:
        """Return one of the contact points that the person has now."""
        return next((point for point in self.contact_points if point.contact_point_id == contact_point_id), None)

    def point_for(self, message: Message, others: Collection[str] = ()) -> ContactPoint | None:
        """Return where a message goes now: to its own contact point, and where that is gone, to another one.

        One of the same channel before any other; among equals one that none of the notification's ``others`` goes to.
        None where the person has no contact point.
        """
        own = self.point(message.contact_point_id)
        return own or min(
            self.contact_points,
            key=lambda point: (point.channel != message.channel, point.contact_point_id in others),
            default=None,
        )


def evolve(person: Person, event: Event) -> Person:
    """Return what is known after an event of the person's stream."""
    match event:
        case WorkerRegistered(name=name, site_id=site_id):
            return replace(person, name=name, site_id=site_id, registered=True)
        case ContactPointsSet(contact_points=contact_points):
            return replace(person, contact_points=contact_points)
        case _:
            return person


@dataclass(frozen=True)
class People:
    """Reads persons from the log."""

    commands: Commands

    async def of(self, worker_ids: Iterable[str]) -> Mapping[str, Person | None]:
        """Return persons by id; None for one who cannot be read, so that it costs nobody else their message.

        What can be read of a person counts: an older contact point is better than none.
        """
        wanted = list(dict.fromkeys(worker_ids))
        try:
            loaded = await self.commands.load([stream_of("worker", worker_id) for worker_id in wanted])
        except Undecodable:
            if len(wanted) == 1:
                return {wanted[0]: None}
            one_by_one = [await self.of([worker_id]) for worker_id in wanted]
            return {worker_id: person for found in one_by_one for worker_id, person in found.items()}
        return {worker_id: _person(loaded[stream_of("worker", worker_id)]) for worker_id in wanted}


def _person(stream: Stream) -> Person | None:
    """Return what a stream says of a person; None where something cannot be read and no contact point is known."""
    person = reduce(evolve, stream.events, Person())
    return None if stream.unreadable and not person.contact_points else person
