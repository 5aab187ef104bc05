"""Collect what is due for each person and channel, and send it: as many at once as are due for one contact point.

Whoever hands a message over does not wait for it. Nothing is lost with this process: each message that is due has a row
that brings it back, and each attempt one that makes its outcome unknown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.notifier.application.collecting import Mailbox, Waiting
from services.notifier.application.sorting import Sorter
from services.notifier.domain import ANSWERABLE
from shared.contracts.base import stream_of
from shared.contracts.notifications import NotificationQueued
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from services.notifier.application.calling import Caller
    from services.notifier.application.collecting import Key, Place
    from services.notifier.application.starting import Begun, Starter
    from services.notifier.application.timing_out import TimingOut
    from shared.contracts.base import Event
    from shared.runtime.commands import Commands
    from shared.runtime.deadlines import Due

LONGEST_WAIT = 5.0
"""Seconds until a mailbox looks again: nothing new waits longer, and a moved clock is noticed."""

log = structlog.get_logger()


class SendingFailedError(RuntimeError):
    """A message could not be sent, for a reason of ours."""


class Sender:
    """Sends what is due: at once where this process queued it, else from its deadline."""

    def __init__(
        self,
        commands: Commands,
        starter: Starter,
        caller: Caller,
        timing_out: TimingOut,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        """Keep what is being sent in ``tasks``; the service waits for it when it ends."""
        self._starter = starter
        self._caller = caller
        self.tasks = tasks
        self._mailboxes: dict[Place, Mailbox] = {}
        self._held: set[Key] = set()
        self._sorter = Sorter(commands)
        self._failed: dict[Key, Exception] = {}
        self._stopping = asyncio.Event()
        self.time_out = timing_out.time_out

    async def run(self) -> None:
        """Stop to begin anything when this is cancelled: what is in flight ends, the rest is left to its rows."""
        try:
            await asyncio.Event().wait()
        finally:
            self._stopping.set()

    def send_at_once(self, events: Iterable[Event]) -> None:
        """Send what was just queued, without waiting for the clock: whoever is second finds it in flight."""
        for event in events:
            if isinstance(event, NotificationQueued):
                for message in event.messages:
                    self._put(
                        Waiting(
                            stream_id=stream_of("notification", event.notification_id),
                            message_id=message.message_id,
                            recipient_id=event.recipient_id,
                            contact_point_id=message.contact_point_id,
                            channel=message.channel,
                            send_at=event.send_at,
                            repeat=False,
                            calm=event.kind not in ANSWERABLE,
                        )
                    )

    async def hand_over(self, due: Due) -> None:
        """Take a message whose time has come. Raises SendingFailedError as long as the last try to start it failed."""
        key = (due.stream_id, due.subject)
        if key not in self._held:
            self._held.add(key)
            if self._sorter.add(key):
                self._begin(self._sorter.sort(self._put, self._release))
        if error := self._failed.get(key):
            raise SendingFailedError(type(error).__name__) from error

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _put(self, waiting: Waiting) -> None:
        """Put a message into its mailbox, and begin to serve that where nobody does."""
        self._held.add(waiting.key)
        mailbox = self._mailboxes.get(waiting.place)
        if mailbox is not None:
            mailbox.put(waiting)
            return
        mailbox = self._mailboxes[waiting.place] = Mailbox()
        mailbox.put(waiting)
        self._begin(self._serve(waiting.place, mailbox))

    def _release(self, key: Key, error: Exception | None = None) -> None:
        """Leave a message to its row, which brings it back; remember why it could not be sent."""
        self._held.discard(key)
        if error is not None:
            self._failed[key] = error

    async def _serve(self, place: Place, mailbox: Mailbox) -> None:
        """Start one call after another, each when it may start, until nothing waits here."""
        try:
            while mailbox.waiting and not self._stopping.is_set():
                batch = mailbox.next()
                begun = await self._starter.start(place[0], batch)
                self._settle(mailbox, begun)
                if begun.call is not None:
                    self._begin(self._caller.call(begun.call))
                if begun.may_start_in is not None:
                    await self._wait(mailbox, batch, begun.may_start_in)
        except (Unavailable, *LOST) as error:
            log.warning("sending_left_to_the_clock", error=type(error).__name__)
        except Exception as error:
            log.exception("sending_left_to_the_clock")
            self._failed.update(dict.fromkeys((one.key for one in batch), error))
        finally:
            del self._mailboxes[place]
            self._held.difference_update(mailbox.waiting)

    def _settle(self, mailbox: Mailbox, begun: Begun) -> None:
        """Forget what is done with, and remember what failed until it does not."""
        for key in begun.settled:
            self._failed.pop(key, None)
        for key, error in (*((key, None) for key in begun.settled), *begun.failed):
            mailbox.waiting.pop(key, None)
            self._release(key, error)

    async def _wait(self, mailbox: Mailbox, batch: list[Waiting], seconds: float) -> None:
        """Wait until a call may start; repeats that may not go yet are left to their rows, which come again."""
        if batch[0].repeat and not batch[0].floor:
            for one in batch:
                mailbox.waiting.pop(one.key, None)
                self._release(one.key)
            return
        try:
            async with asyncio.timeout(min(seconds, LONGEST_WAIT)):
                await self._stopping.wait()
        except TimeoutError:
            return
