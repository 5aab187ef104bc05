"""Kafka's part in one process: the relay that publishes and the following of topics, both in the background.

Nothing here is waited for and nothing here ends a service. Kafka's client is loaded beside the work and only where there
is a Kafka: a process that starts again looks at its deadlines at once.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from shared.runtime.clock import pause
from shared.runtime.postgres import open_pool

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shared.runtime.feed import Feed
    from shared.runtime.following import Following
    from shared.runtime.postgres import Pool
    from shared.runtime.relay import Relay
    from shared.runtime.settings import ServiceSettings

_AGAIN = 5.0
"""Seconds before both are started anew when one of them has ended by an error of ours: each tries Kafka again itself."""

_CONNECTIONS = 2
"""The relay's own connections to the log: one reads, one holds the lease, and neither waits for other work."""

log = structlog.get_logger()


class Carrying:
    """Publishes what a service appends and follows what it reacts to, where there is a Kafka."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        """Do it for a service by its settings."""
        self._name = name
        self._settings = settings
        self.relay: Relay | None = None
        """None where there is no Kafka, and until its client is loaded."""
        self.following: Following | None = None
        """None likewise."""

    @property
    def enabled(self) -> bool:
        """Whether there is a Kafka to speak to."""
        return bool(self._settings.kafka_places)

    def appended(self) -> None:
        """Say that this process has appended something."""
        if self.relay is not None:
            self.relay.appended()

    async def run(self, feed: Feed, probes: Pool) -> None:
        """Publish and follow until cancelled. Without a Kafka it waits for ever."""
        if not self.enabled:
            await asyncio.Event().wait()
        while True:
            try:
                await self._run(feed, probes)
            except Exception:
                feed.carried = frozenset()
                log.exception("kafka_not_used")
            await pause(_AGAIN)

    async def _run(self, feed: Feed, probes: Pool) -> None:
        for name in ("shared.runtime.relay", "shared.runtime.following"):
            await asyncio.to_thread(import_module, name)
        from shared.runtime.following import Following  # noqa: PLC0415 -- loaded above, beside the work
        from shared.runtime.kafka import KafkaSettings  # noqa: PLC0415 -- likewise
        from shared.runtime.relay import Relay  # noqa: PLC0415 -- likewise

        settings = KafkaSettings.of(self._settings)
        pool = await open_pool(self._settings.database.get_secret_value(), size=_CONNECTIONS)
        try:
            self.relay = Relay(pool, settings, self._name, self._settings.replica)
            self.following = Following(settings, self._name, self._settings.replica, feed, probes)
            async with asyncio.TaskGroup() as both:
                both.create_task(_loudly(self.relay.run()))
                both.create_task(_loudly(self.following.run()))
        finally:
            pool.terminate()


async def _loudly(work: Coroutine[Any, Any, None]) -> None:
    """Do work; where it ends as if cancelled and nobody has cancelled it, that is an error and not silence."""
    try:
        await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            raise RuntimeError("ended as if cancelled") from None
        raise
