"""A reply from outside: to which message, and whether its contact point signed it. Tells nobody which messages there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError
from standardwebhooks.webhooks import Webhook as Signature

from services.notifier.application.attempts import folded
from services.notifier.readmodel import notification_of
from shared.contracts.base import stream_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.notifier.application.people import People
    from shared.contracts.notifications import NotificationQueued
    from shared.runtime.commands import Commands
    from shared.runtime.log import Loaded
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

_NOBODYS = "whsec_bm9ib2R5IGhhcyB0aGlz"
"""Checked in place of the secret of a message that does not exist, so that both refusals take the same way."""


class ForgedReply(Exception):  # noqa: N818 -- says what it is
    """No contact point of ours signed this reply, or the message is not known: the same to whoever sent it."""


@dataclass(frozen=True)
class Reply:
    """A reply as it came: what it says, and the bytes and headers that are signed."""

    message_id: str
    reply: Literal["acknowledge"]
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Addressed:
    """The message that a reply answers, in its notification."""

    stream_id: str
    queued: NotificationQueued
    message_id: str
    went_to: frozenset[str]
    """Contact points that it was sent to."""
    correlation_id: str


@dataclass(frozen=True)
class Replies:
    """Finds the message of a reply and checks who signed it."""

    commands: Commands
    keyring: Keyring
    people: People
    pool: Pool

    async def verified(self, reply: Reply) -> tuple[Addressed, str]:
        """Return what the reply answers, and the contact point that signed it. Raises ForgedReply."""
        addressed = await self._find(reply.message_id)
        secrets = {} if addressed is None else await self._secrets(addressed)
        signers = [point for point, secret in (secrets or {"": _NOBODYS}).items() if _signed(reply, secret)]
        if addressed is None or not secrets or not signers:
            raise ForgedReply
        return addressed, signers[0]

    async def _find(self, message_id: str) -> Addressed | None:
        """Return the message with this id. A message's id begins with its notification's, unless it was too long."""
        parts = message_id.split(".")
        notification_ids = [".".join(parts[:length]) for length in range(1, len(parts))]
        loaded = await self.commands.load([stream_of("notification", one) for one in notification_ids])
        if found := _among(loaded, message_id):
            return found
        notification_id = await notification_of(self.pool, message_id)
        if notification_id is None:
            return None
        return _among(await self.commands.load([stream_of("notification", notification_id)]), message_id)

    async def _secrets(self, addressed: Addressed) -> Mapping[str, str]:
        """Return the secrets of the contact points that the message went to, as they are now.

        What was taken away since, was erased or has no secret answers nothing.
        """
        recipient_id = addressed.queued.recipient_id
        person = (await self.people.of([recipient_id]))[recipient_id]
        points = () if person is None else person.contact_points
        secrets = {
            point.contact_point_id: await self.keyring.open_or(point.secret, "")
            for point in points
            if point.contact_point_id in addressed.went_to
        }
        return {contact_point_id: secret for contact_point_id, secret in secrets.items() if secret}


def _signed(reply: Reply, secret: str) -> bool:
    try:
        Signature(secret).verify(reply.body, dict(reply.headers), json_parse=False)
    except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
        return False
    return True


def _among(loaded: Loaded, message_id: str) -> Addressed | None:
    """Return the message where one of the streams holds it."""
    for stream in loaded.streams.values():
        notification = folded(stream)
        sending = notification.sending(message_id)
        if notification.queued is not None and sending is not None:
            correlation_id = stream.history[0].envelope.correlation_id
            return Addressed(stream.stream_id, notification.queued, message_id, sending.went_to, correlation_id)
    return None
