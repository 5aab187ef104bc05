"""Send one message: record that the attempt starts, call outside of every lock, record what became of it.

A crash before the first record leaves the deadline, and it is sent later. A crash after it leaves the attempt's own
deadline, which makes the outcome unknown; then it is sent again with the same id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import structlog

from services.notifier.application.attempts import count, decided, entered, observe_first, outcome_of, seek
from services.notifier.channels import Outgoing, Receipt, TransportError
from services.notifier.domain import AttemptTimesOut, StartAttempt, asker_of, unwanted
from shared.contracts.base import stream_of
from shared.contracts.notifications import AttemptStarted, NotificationQueued
from shared.runtime.commands import Decided
from shared.runtime.ids import new_id
from shared.runtime.log import By

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from services.notifier.application.attempts import Sought
    from services.notifier.application.messages import Messages
    from services.notifier.channels import Channel
    from shared.contracts.base import Event
    from shared.contracts.visits import ContactPoint
    from shared.runtime.commands import Commands, Handled
    from shared.runtime.deadlines import Due
    from shared.runtime.log import Loaded

OVERTIME = timedelta(seconds=1)
"""What a call may take beyond its own limit before it is given up from here: channels know better what their end means."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Sender:
    """Sends what is due: at once where this process queued it, else from its deadline."""

    commands: Commands
    messages: Messages
    channels: Mapping[str, Channel]
    call_lasts: timedelta
    tasks: set[asyncio.Task[None]]
    """What is being sent; the service waits for it when it ends."""
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def send_at_once(self, events: Iterable[Event]) -> None:
        """Start to send what was just queued, without waiting for the clock: whoever is second finds it in flight."""
        for event in events:
            if isinstance(event, NotificationQueued):
                for message in event.messages:
                    stream_id = stream_of("notification", event.notification_id)
                    task = asyncio.create_task(self._send_or_leave(stream_id, message.message_id))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)

    async def _send_or_leave(self, stream_id: str, message_id: str) -> None:
        try:
            await self.send(stream_id, message_id)
        except Exception:  # the deadline stands; the clock takes it
            log.exception("send_left_to_the_clock", stream_id=stream_id)

    async def send(self, stream_id: str, message_id: str) -> None:
        """Send one message once, unless nobody wants it any more or another replica is at it."""
        sought = seek((await self.commands.load([stream_id]))[stream_id], message_id)
        prepared: Outgoing | TransportError
        point = None
        try:
            point = await self.messages.find(sought.queued, sought.message)
            prepared = await self.messages.compose(sought.queued, sought.message, point, sought.envelope)
        except TransportError as error:
            prepared = error
        async with self._locks.setdefault(sought.queued.recipient_id, asyncio.Lock()):
            handled = await self._start(sought, point)
        attempt = next((event for event in handled.decided.events if isinstance(event, AttemptStarted)), None)
        if attempt is None:
            return
        observe_first(sought.queued, attempt, handled.now)
        # A crash from here on leaves the attempt to its deadline.
        outcome = await self._call(attempt, prepared, handled.now)
        await self._record(sought, attempt, outcome)

    async def time_out(self, due: Due) -> None:
        """Record that an attempt left no outcome."""
        sought = seek((await self.commands.load([due.stream_id]))[due.stream_id], due.subject)

        def decide(loaded: Loaded) -> Decided:
            return Decided([decided(loaded[due.stream_id], AttemptTimesOut(due.subject, loaded.now))])

        by = By("system:notifier.clock", new_id())
        count(sought.message.channel, await self.commands.handle("attempt_times_out", [due.stream_id], decide, by))

    async def _start(self, sought: Sought, point: ContactPoint | None) -> Handled:
        """Append that the attempt starts, or that nobody wants it any more, guarded by the stream that asked.

        One at a time for each person: every attempt is an entry in their stream, and only one is first.
        """
        stream_id, queued = sought.stream.stream_id, sought.queued
        recipient = stream_of("recipient", queued.recipient_id)

        def decide(loaded: Loaded) -> Decided:
            asker = loaded[queued.asked_by]
            useless = unwanted(queued, asker_of(asker.events))
            command = StartAttempt(sought.message.message_id, useless, loaded.now, point)
            own = decided(loaded[stream_id], command)
            started = [event for event in own.events if isinstance(event, AttemptStarted)]
            entries = [entered(loaded[recipient], queued.recipient_id, event, loaded.now) for event in started]
            return Decided([own, *entries], guards={queued.asked_by: asker.version})

        streams = [stream_id, recipient, queued.asked_by]
        handled = await self.commands.handle("start_attempt", streams, decide, sought.by)
        count(sought.message.channel, handled)
        return handled

    async def _call(
        self, attempt: AttemptStarted, prepared: Outgoing | TransportError, now: datetime
    ) -> Receipt | TransportError:
        """Make the one call of an attempt and return what became of it. Holds no lock and no connection to the log."""
        if isinstance(prepared, TransportError):
            return prepared
        channel = self.channels.get(attempt.channel)
        if channel is None:
            return TransportError("this channel is not set up", code="channel_not_configured", permanent=True)
        try:
            async with asyncio.timeout((self.call_lasts + OVERTIME).total_seconds()):
                return await channel.send(replace(prepared, sent_at=now))
        except TransportError as error:
            return error
        except TimeoutError:
            return TransportError("the channel did not end in time", code="no_answer", unknown=True)
        except Exception:  # whatever a channel does, the attempt has an outcome
            log.exception("channel_failed", channel=attempt.channel)
            return TransportError("the channel failed", code="channel_failed", unknown=True)

    async def _record(self, sought: Sought, attempt: AttemptStarted, outcome: Receipt | TransportError) -> None:
        stream_id = sought.stream.stream_id

        def decide(loaded: Loaded) -> Decided:
            return Decided([decided(loaded[stream_id], outcome_of(attempt, outcome, loaded.now))])

        count(attempt.channel, await self.commands.handle("record_outcome", [stream_id], decide, sought.by))
