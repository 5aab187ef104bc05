"""Whom a call goes to and what it says: contact points, names and links are looked up and opened here, before it starts.

What is opened leaves in an Outgoing, whose repr shows none of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.notifier.application.messages import SOMEBODY, Said
from services.notifier.application.payloads import Payloads
from services.notifier.channels import Outgoing, TransportError
from services.notifier.domain import call_id_of
from shared.contracts.troubles import UNKNOWN_WORKER
from shared.runtime.links import link_code, link_of
from shared.runtime.sealing import ERASED, Erased

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.notifier.application.attempts import Sought
    from services.notifier.application.messages import Messages
    from services.notifier.application.people import People, Person
    from shared.contracts.notifications import NotificationQueued
    from shared.contracts.visits import Channel, ContactPoint
    from shared.runtime.sealing import Keyring


@dataclass(frozen=True)
class Prepared:
    """What a call to one contact point needs, whichever of these messages it comes to carry."""

    sought: tuple[Sought, ...]
    point: ContactPoint | None
    """None where nothing is left that it could be sent to."""
    channel: Channel
    said: Mapping[str, Said] = field(default_factory=dict, repr=False)
    """By message."""
    address: str = field(default="", repr=False)
    secret: str | None = field(default=None, repr=False)
    error: TransportError | None = None
    """Why it cannot be sent, for good."""


@dataclass(frozen=True)
class Composer:
    """Prepares calls, and composes what they carry."""

    keyring: Keyring
    people: People
    messages: Messages
    public_url: str

    async def prepare(self, recipient_id: str, sought: Sequence[Sought]) -> Prepared:
        """Return what is needed for those that go where the first one goes now; the others are left."""
        person = (await self.people.of([recipient_id]))[recipient_id]
        where = [_point_of(person, one) for one in sought]
        point, channel = where[0], sought[0].message.channel if where[0] is None else where[0].channel
        same = tuple(one for one, its in zip(sought, where, strict=True) if its == point)
        if point is None:
            code = "contact_point_unreadable" if person is None else "contact_point_removed"
            return Prepared(same, None, channel, error=TransportError("nothing to send to", code=code, permanent=True))
        try:
            address = await self.keyring.open(point.address)
            secret = None if point.secret is None else await self.keyring.open(point.secret)
        except Erased:
            error = TransportError("the person was erased", code="contact_point_erased", permanent=True)
            return Prepared(same, point, channel, error=error)
        return Prepared(same, point, channel, await self._say(same), address, secret)

    def compose(self, prepared: Prepared, carried: Sequence[Sought]) -> Outgoing:
        """Return what a call carries: one message, or a bundle of many. Raises TransportError where it cannot be sent.

        The same messages give the same content at each attempt.
        """
        if prepared.error is not None:
            raise prepared.error
        call_id = call_id_of(one.message.message_id for one in carried)
        said = [prepared.said[one.message.message_id] for one in carried]
        whole = said[0] if len(said) == 1 else self.messages.bundle(said)
        return Outgoing(
            message_id=call_id,
            sent_at=max(one.recorded.recorded_at for one in carried),
            address=prepared.address,
            secret=prepared.secret,
            subject=whole.subject,
            text=whole.text,
            link=whole.link,
            payload=Payloads(self.public_url).of(call_id, carried, said, whole),
            notification_ids=tuple(one.queued.notification_id for one in carried),
        )

    async def _say(self, sought: Sequence[Sought]) -> Mapping[str, Said]:
        names = await self._names({one.queued.worker_id for one in sought})
        return {
            one.message.message_id: self.messages.say(
                one.queued, names[one.queued.worker_id], await self._link(one.queued)
            )
            for one in sought
        }

    async def _names(self, worker_ids: set[str]) -> Mapping[str, str]:
        people = await self.people.of(worker_ids)
        return {
            worker_id: SOMEBODY if worker_id == UNKNOWN_WORKER else await self._open(person)
            for worker_id, person in people.items()
        }

    async def _open(self, person: Person | None) -> str:
        return ERASED if person is None else await self.keyring.open_or(person.name)

    async def _link(self, queued: NotificationQueued) -> str | None:
        if queued.kind == "test":
            code = await link_code(self.keyring, queued.notification_id, queued.recipient_id)
            return f"{self.public_url.rstrip('/')}/notifier/t/{queued.notification_id}/{code}"
        if queued.escalation_id is None:
            return None
        return link_of(self.public_url, await link_code(self.keyring, queued.escalation_id, queued.recipient_id))


def _point_of(person: Person | None, sought: Sought) -> ContactPoint | None:
    """Return where a message goes now."""
    others = {other.contact_point_id for other in sought.queued.messages}
    return None if person is None else person.point_for(sought.message, others)
