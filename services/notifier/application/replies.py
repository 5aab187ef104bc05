"""A reply from outside: to which message, and whether its contact point signed it. Tells nobody which messages there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError
from standardwebhooks.webhooks import Webhook as Signature

from services.notifier.readmodel import notification_of
from shared.contracts.base import stream_of
from shared.contracts.notifications import NotificationQueued

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.notifier.application.people import People
    from shared.contracts.notifications import Message
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
    message: Message
    correlation_id: str


@dataclass(frozen=True)
class Replies:
    """Finds the message of a reply and checks who signed it."""

    commands: Commands
    keyring: Keyring
    people: People
    pool: Pool

    async def verified(self, reply: Reply) -> Addressed:
        """Return what the reply answers. Raises ForgedReply."""
        addressed = await self._find(reply.message_id)
        secret = None if addressed is None else await self._secret(addressed)
        try:
            Signature(secret or _NOBODYS).verify(reply.body, dict(reply.headers), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            raise ForgedReply from None
        if addressed is None or not secret:
            raise ForgedReply
        return addressed

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

    async def _secret(self, addressed: Addressed) -> str | None:
        """Return the secret of the contact point as it is now; None where it has none, is gone or was erased."""
        recipient_id = addressed.queued.recipient_id
        person = (await self.people.of([recipient_id]))[recipient_id]
        point = person and person.point(addressed.message.contact_point_id)
        return await self.keyring.open_or(point.secret if point else None, "") or None


def _among(loaded: Loaded, message_id: str) -> Addressed | None:
    """Return the message where one of the streams holds it."""
    for stream in loaded.streams.values():
        for recorded in stream.history[:1]:
            if isinstance(queued := recorded.event, NotificationQueued):
                for message in queued.messages:
                    if message.message_id == message_id:
                        return Addressed(stream.stream_id, queued, message, recorded.envelope.correlation_id)
    return None
