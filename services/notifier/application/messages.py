"""What is said: one text for each kind of notification, with the name of the worker, the time, and a personal link.

The only place where names and addresses are opened; they leave in an Outgoing, whose repr shows none of them.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notifier.channels import Outgoing, TransportError
from services.notifier.domain import ANSWERABLE
from shared.runtime.links import link_code, link_of
from shared.runtime.records import instant
from shared.runtime.sealing import Erased

if TYPE_CHECKING:
    from datetime import datetime

    from services.notifier.application.people import People
    from shared.contracts.base import Sealed
    from shared.contracts.envelope import Envelope
    from shared.contracts.notifications import Message, NotificationQueued
    from shared.contracts.visits import ContactPoint
    from shared.runtime.sealing import Keyring

ERASED = "(erased)"
"""Stands for the name of a person whose key is gone, or who cannot be read."""

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


class Messages:
    """Composes what goes to one contact point."""

    def __init__(self, keyring: Keyring, people: People, public_url: str) -> None:
        """Open fields with ``keyring``; links begin with ``public_url``."""
        self._keyring = keyring
        self._people = people
        self._public_url = public_url.rstrip("/")
        self._texts = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701 -- plain text, for mail and for JSON
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def find(self, queued: NotificationQueued, message: Message) -> ContactPoint:
        """Return where a message goes now. Raises TransportError, for good, where there is nothing it could be sent to."""
        person = (await self._people.of([queued.recipient_id]))[queued.recipient_id]
        if person is None:
            raise TransportError("the recipient cannot be read", code="contact_point_unreadable", permanent=True)
        others = {other.contact_point_id for other in queued.messages}
        point = person.point_for(message, others)
        if point is None:
            raise TransportError("no contact point is left", code="contact_point_removed", permanent=True)
        return point

    async def compose(
        self, queued: NotificationQueued, message: Message, point: ContactPoint, envelope: Envelope
    ) -> Outgoing:
        """Return what goes to ``point``. ``envelope`` is the queued event's: at each attempt the content is the same.

        Raises TransportError, for good, where the contact point cannot be opened any more.
        """
        people = await self._people.of([queued.worker_id])
        address = await self._open(point.address)
        secret = None if point.secret is None else await self._open(point.secret)
        worker = people[queued.worker_id]
        name = None if worker is None else worker.name
        subject, text = self._say(queued, await self._keyring.open_or(name, ERASED))
        link = await self._link(queued)
        return Outgoing(
            message_id=message.message_id,
            sent_at=envelope.recorded_at,
            address=address,
            secret=secret,
            subject=subject,
            text=text,
            link=link,
            payload=self._payload(queued, message, envelope, text, link),
        )

    async def _open(self, sealed: Sealed) -> str:
        try:
            return await self._keyring.open(sealed)
        except Erased:
            raise TransportError("the person was erased", code="contact_point_erased", permanent=True) from None

    async def _link(self, queued: NotificationQueued) -> str | None:
        if queued.escalation_id is None:
            return None
        return link_of(self._public_url, await link_code(self._keyring, queued.escalation_id, queued.recipient_id))

    def _say(self, queued: NotificationQueued, worker: str) -> tuple[str, str]:
        """Return subject and text: the first line of the kind's template, and the rest."""
        rendered = self._texts.get_template(f"{queued.kind}.txt").render(
            worker=worker, trigger=queued.trigger, due=_time(queued.due_at)
        )
        subject, _, text = rendered.strip().partition("\n")
        return subject, text.strip()

    def _payload(
        self, queued: NotificationQueued, message: Message, envelope: Envelope, text: str, link: str | None
    ) -> dict[str, Any]:
        """Return what a webhook receives: ids and instants for machines, and the text for whoever they show it to."""
        reply = {
            "url": f"{self._public_url}/notifier/replies",
            "how": (
                'To acknowledge, POST {"type":"reply","data":{"message_id":"…","reply":"acknowledge"}} to this url, '
                "signed as Standard Webhooks with the secret of this webhook and a webhook-id of your own."
            ),
        }
        return {
            "type": "lonewatch.notification",
            "timestamp": instant(envelope.recorded_at),
            "data": {
                "message_id": message.message_id,
                "notification_id": queued.notification_id,
                "kind": queued.kind,
                "escalation_id": queued.escalation_id,
                "trigger": queued.trigger,
                "visit_id": envelope.visit_id,
                "due_at": queued.due_at and instant(queued.due_at),
                "text": text,
                "link": link,
                "reply": reply if queued.kind in ANSWERABLE else None,
            },
        }


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%H:%M} UTC ({at.astimezone(UTC):%Y-%m-%d})"
