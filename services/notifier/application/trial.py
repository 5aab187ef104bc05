"""The test alarm: somebody is told that nothing is wrong, by every way in which they can be reached, and says whether it came.

Asks for nothing else, is guarded by nobody, and tells nobody but its recipient.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from services.notifier.application.asking import reached_by
from services.notifier.application.attempts import decided, folded
from services.notifier.domain import NOTIFICATION, Queue, ReceiveReply
from services.notifier.readmodel import list_notifications
from shared.contracts.base import stream_of
from shared.decider import Rejected
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.links import code_sha256, link_code
from shared.runtime.log import By

if TYPE_CHECKING:
    from services.notifier.application.people import People
    from services.notifier.application.sending import Sender
    from shared.contracts.notifications import NotificationQueued
    from shared.runtime.commands import Commands, Handled
    from shared.runtime.identity import Authority, Identity
    from shared.runtime.log import Loaded, Stream
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class Trials:
    """Test alarms: sent, read, and answered from their page."""

    commands: Commands
    keyring: Keyring
    authority: Authority
    people: People
    sender: Sender
    pool: Pool

    async def send(self, caller: Caller, recipient_id: str) -> Handled:
        """Queue a test alarm for a person, and begin to send it. Raises Rejected, Forbidden, OtherContent."""
        person = (await self.people.of([recipient_id]))[recipient_id]
        site_id = None if person is None else person.site_id
        if person is not None and not person.registered:
            raise Rejected("recipient_unknown")
        own = caller.identity.worker_id == recipient_id
        allowed = await self.authority.authorise(caller.identity, "test_alarm", site_id, own=own)
        notification_id = f"test-{new_id()}"
        stream_id = stream_of("notification", notification_id)

        def decide(loaded: Loaded) -> Decided:
            queue = Queue(
                notification_id=notification_id,
                recipient_id=recipient_id,
                kind="test",
                asked_by=stream_id,
                escalation_id=None,
                ladder_no=None,
                step=None,
                trigger=None,
                due_at=None,
                worker_id=recipient_id,
                contact_points=(),
                now=loaded.now,
            )
            wanted = reached_by(queue, {recipient_id: person})
            own_write = write(
                NOTIFICATION, loaded[stream_id], lambda state: NOTIFICATION.decide(wanted, state), site_id=site_id
            )
            answer = {"notification_id": notification_id, "messages": len(wanted.contact_points)}
            return Decided([own_write], allowed.guards, answer)

        handled = await self.commands.handle("test_alarm", [stream_id], decide, caller.by, caller.outside)
        self.sender.send_at_once(handled.decided.events)
        return handled

    async def read(self, identity: Identity, notification_id: str) -> dict[str, Any]:
        """Return how far a test alarm has come, and whether somebody said that it reached them.

        Raises Rejected, Forbidden.
        """
        stream, queued = await self._of(notification_id)
        site_id = stream.history[0].envelope.site_id
        own = identity.worker_id == queued.recipient_id
        await self.authority.authorise(identity, "read_test_alarm", site_id, own=own)
        found = await list_notifications(self.pool, site_id, notification_id=notification_id)
        if not found:
            raise Rejected("notification_unknown")
        reached_at = [message["replied_at"] for message in found[0]["messages"] if message["replied_at"] is not None]
        return {**found[0], "reached_at": min(reached_at, default=None)}

    async def addressed(self, notification_id: str, code: str) -> NotificationQueued:
        """Return the test alarm behind a link. Raises Rejected, the same for one that does not exist and for a wrong code."""
        _, queued = await self._of(notification_id)
        if not queued.messages:
            raise Rejected("notification_unknown")  # no link of it was ever sent
        wanted = await link_code(self.keyring, notification_id, queued.recipient_id)
        if not compare_digest(code_sha256(code), code_sha256(wanted)):
            raise Rejected("notification_unknown")
        return queued

    async def reached(self, notification_id: str, code: str) -> None:
        """Record that it reached its recipient, once. Raises Rejected as ``addressed`` does."""
        queued = await self.addressed(notification_id, code)
        stream_id = stream_of("notification", notification_id)

        def decide(loaded: Loaded) -> Decided:
            return Decided(
                [decided(loaded[stream_id], ReceiveReply(queued.messages[0].message_id, "reached", loaded.now))]
            )

        await self.commands.handle("test_reached", [stream_id], decide, By(queued.recipient_id, new_id()))

    async def _of(self, notification_id: str) -> tuple[Stream, NotificationQueued]:
        stream_id = stream_of("notification", notification_id)
        stream = (await self.commands.load([stream_id]))[stream_id]
        queued = folded(stream).queued
        if queued is None or queued.kind != "test":
            raise Rejected("notification_unknown")
        return stream, queued
