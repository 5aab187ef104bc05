"""Publish what this service appended to its topic of Kafka: in order, all of it, and again where Kafka has lost it.

Nobody waits for it. One process of a service publishes, the others stand by. What goes wrong is tried again for ever.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.contracts.topics import TOPIC_OF_SERVICE, TOPICS
from shared.runtime.clock import monotonic, pause
from shared.runtime.ids import new_id
from shared.runtime.kafka import KafkaSettings
from shared.runtime.racing import first_of
from shared.runtime.relay_lease import Held, Lease
from shared.runtime.relay_progress import PAGE, Progress, RelayState
from shared.runtime.relay_sending import Emptied, Sending

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

LOOK_EVERY = 0.1
"""Seconds between two looks at the log; what this process appends itself is published at once."""

RENEW_EVERY = 1.0
"""Seconds between two renewals of the lease, and between two looks of who stands by: five fit into a lease."""

LOOK_AT_ENDS_EVERY = 2.0
"""Seconds between two looks at where the topic ends: a topic that was emptied while nothing happens is soon full again."""

RETRY_FIRST, RETRY_MOST = 0.5, 5.0
"""Seconds before Kafka is tried again: soon after a short fault, seldom while it is away for days. Each try doubles it."""

_RELEASED_WITHIN = 1.0
"""Seconds to give the lease back at the end of the service; else it runs out."""


class Relay:
    """Publishes one service's topic from one process. Start ``run`` in a task; it ends only when it is cancelled."""

    def __init__(self, pool: Pool, settings: KafkaSettings, service: str, replica: str) -> None:
        """Use up to two connections of ``pool`` at a time, for short calls."""
        self._topic = next(topic for topic in TOPICS if topic.name == TOPIC_OF_SERVICE[service])
        self._settings = settings
        self._client_id = f"lonewatch-{service}-{replica}"
        self._lease = Lease(pool, service, self._topic.name, f"{replica} {new_id()}")
        self._wake = asyncio.Event()
        self._progress = Progress(self._topic.name, "waiting" if settings.enabled else "off")

    @property
    def state(self) -> RelayState:
        """What it does now."""
        return self._progress.state

    def appended(self) -> None:
        """Say that this process has appended something: it is published at once."""
        self._wake.set()

    async def run(self) -> None:
        """Publish, or stand by, until cancelled. Without a Kafka it waits for ever."""
        if not self._settings.enabled:
            await asyncio.Event().wait()
        retry = RETRY_FIRST
        while True:
            try:
                held = await self._take()
                if held.held:
                    await self._hold(held)
                else:
                    self._progress.enter("standing_by")
                    await pause(RENEW_EVERY)
                retry = RETRY_FIRST
            except Exception as error:  # noqa: BLE001 -- whatever it is, it must not end a service that watches over people
                retry = RETRY_FIRST if self.state.word == "publishing" else retry  # it worked until now
                self._progress.failed(type(error).__name__)
                await pause(retry)
                retry = min(2 * retry, RETRY_MOST)

    async def _take(self) -> Held:
        began = monotonic()
        held = await self._lease.take()
        if held.held:
            self._progress.renewed(began)
        self._progress.saw(held.position, held.head)
        self._progress.waits(held.oldest)
        return held

    async def _hold(self, held: Held) -> None:
        """Publish while the lease is ours; give it back when publishing fails, so that another replica may try."""
        sending: Sending | None = None
        try:
            sending = Sending(self._settings, self._topic, self._client_id, await self._lease.offsets())
            await first_of(self._renew(held), self._publish(held, sending))
        except Emptied:
            if await self._lease.restart(held.epoch):
                self._progress.restarted(held.generation + 1)
        finally:
            if sending is not None:
                await sending.close()
            with suppress(Exception):
                async with asyncio.timeout(_RELEASED_WITHIN):
                    await self._lease.release(held.epoch)

    async def _renew(self, held: Held) -> None:
        """Prolong the lease, by more than one call where one fails; return when it is another's."""
        while True:
            await pause(RENEW_EVERY)
            try:
                now = await self._take()
                if not now.held or now.epoch != held.epoch:
                    return
            except Exception:
                if not self._progress.lasts:
                    raise

    async def _publish(self, held: Held, sending: Sending) -> None:
        await sending.open()
        self._progress.enter("publishing")
        await first_of(self._look(sending), self._pages(held, sending))

    async def _look(self, sending: Sending) -> None:
        while True:
            await pause(LOOK_AT_ENDS_EVERY)
            await sending.look()

    async def _pages(self, held: Held, sending: Sending) -> None:
        """Publish page after page; return when the lease is another's."""
        after, brake = held.position, self._settings.most_per_second
        while True:
            self._wake.clear()
            began = monotonic()
            page = await self._lease.read(after, min(self._progress.page, brake or PAGE))
            self._progress.saw(after, page.head)
            if not self._progress.lasts:
                return  # this process was stopped: another may publish by now
            offsets = await sending.send(page.records) if page.records else {}
            # A crash here publishes this page again after the start; followers drop it by its positions.
            if page.upto > after and not await self._lease.move(held.epoch, page.upto, offsets):
                return
            after = page.upto
            self._progress.published(len(page.records))
            self._progress.saw(after, page.head)
            if brake and page.records:
                await pause(max(0.0, began + len(page.records) / brake - monotonic()))
            elif after >= page.head:
                with suppress(TimeoutError):  # not wait_for: Python 3.11's may swallow a cancellation
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._wake.wait()
