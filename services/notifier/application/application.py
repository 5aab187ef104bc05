"""The ways into notifier: what another service asked for, what fell due, who replies, who reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.notifier import domain
from services.notifier.application.about import about_reader
from services.notifier.application.asking import queues_of, reached_by
from services.notifier.application.attempts import decided
from services.notifier.application.replies import Replies
from services.notifier.application.trial import Trials
from services.notifier.domain import NOTIFICATION, ReceiveReply, asker_of, unanswerable
from shared.contracts.base import stream_of
from shared.decider import Rejected
from shared.runtime.commands import Decided, write
from shared.runtime.log import By, Outside, load

if TYPE_CHECKING:
    from services.notifier.application.people import People
    from services.notifier.application.replies import Reply
    from services.notifier.application.sending import Sender
    from services.notifier.domain import Queue
    from shared.contracts.envelope import Envelope, Recorded
    from shared.runtime.commands import Commands, Handled
    from shared.runtime.identity import Authority, Identity
    from shared.runtime.log import Cause, Loaded, Write
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

REFUSALS = {
    **domain.REFUSALS,
    "visit_unknown": "There is no visit with this id. Take the id from the answer to planning the visit.",
    "escalation_unknown": "There is no escalation with this id. Take the id from the list of escalations.",
    "recipient_unknown": "There is no person with this id. Take the id from the answer to registering them.",
    "notification_unknown": "There is no notification with this id. Take the id from the list of notifications.",
}
"""Every code with which notifier refuses, and the sentence for a person."""


@dataclass(frozen=True)
class Application:
    """What can be done with notifications."""

    commands: Commands
    keyring: Keyring
    authority: Authority
    people: People
    sender: Sender
    pool: Pool

    @property
    def trials(self) -> Trials:
        """Test alarms."""
        return Trials(self.commands, self.keyring, self.authority, self.people, self.sender, self.pool)

    async def queue(self, recorded: Recorded, cause: Cause, by: By) -> None:
        """Queue a notification for everyone whom an event asks to tell, in one command, and start to send them."""
        asked_by, envelope = recorded.envelope.stream_id, recorded.envelope
        asking = await self.commands.load([asked_by])
        queues = queues_of(recorded, asking[asked_by].events, asking.now)
        people = await self.people.of(queue.recipient_id for queue in queues)
        wanted = {stream_of("notification", queue.notification_id): reached_by(queue, people) for queue in queues}

        def decide(loaded: Loaded) -> Decided:
            return Decided([_queue(loaded, stream_id, queue, envelope) for stream_id, queue in wanted.items()])

        handled = await self.commands.handle("queue_notifications", list(wanted), decide, by, cause)
        self.sender.send_at_once(handled.decided.events)

    async def receive_reply(self, reply: Reply, webhook_id: str, digest: bytes) -> Handled:
        """Record that the person behind a contact point answered, and answer whether that was taken, and why not.

        Raises ForgedReply, OtherContent.
        """
        addressed, signer = await Replies(self.commands, self.keyring, self.people, self.pool).verified(reply)
        stream_id, asked_by = addressed.stream_id, addressed.queued.asked_by
        about = {"message_id": reply.message_id, "reply": reply.reply}

        def decide(loaded: Loaded) -> Decided:
            useless = unanswerable(addressed.queued, asker_of(loaded[asked_by].events))
            command = ReceiveReply(reply.message_id, reply.reply, loaded.now, useless)
            own = decided(loaded[stream_id], command)
            return Decided([own], answer={**about, "taken": useless is None, "why": useless})

        by = By(addressed.queued.recipient_id, addressed.correlation_id)
        outside = Outside(f"webhook:{signer}", webhook_id, digest)
        return await self.commands.handle("receive_reply", [stream_id, asked_by], decide, by, outside)

    async def site_of_visit(self, identity: Identity, visit_id: str) -> str | None:
        """Return the site of a visit whose notifications this person may read. Raises Rejected, Forbidden."""
        return await self._readable(identity, "visit", visit_id, "visit_unknown")

    async def site_of_escalation(self, identity: Identity, escalation_id: str) -> str | None:
        """Return the site of an escalation whose notifications this person may read. Raises Rejected, Forbidden."""
        subject, _, _ = escalation_id.rpartition(".")
        return await self._readable(identity, "escalation", subject, "escalation_unknown")

    async def site_of_notification(self, identity: Identity, notification_id: str) -> str | None:
        """Return the site of a notification that this person may read. Raises Rejected, Forbidden."""
        return await self._readable(identity, "notification", notification_id, "notification_unknown")

    async def _readable(self, identity: Identity, kind: str, about: str, unknown: str) -> str | None:
        """Whoever may not look learns by no answer whether there is anything: not the worker whom it is about, either."""
        stream_id, subject = stream_of(kind, about), about.partition(".")[0]
        streams = [stream_id, stream_of("visit", subject), stream_of("worker", subject)]
        loaded = await load(self.pool, streams, lenient=True)
        history = [recorded for stream in streams for recorded in loaded[stream].history]
        site_id = next((found for recorded in history if (found := recorded.envelope.site_id)), None)
        if history:
            await self.authority.authorise(identity, "read_notifications", site_id)
        stream = loaded[stream_id]
        if not stream.history or about_reader(stream.events, identity.worker_id):
            raise Rejected(unknown)
        return site_id


def _queue(loaded: Loaded, stream_id: str, queue: Queue, envelope: Envelope) -> Write:
    return write(
        NOTIFICATION,
        loaded[stream_id],
        lambda state: NOTIFICATION.decide(queue, state),
        visit_id=envelope.visit_id,
        site_id=envelope.site_id,
    )
