"""Find to whom each message goes that fell due: many at one look, and none held up by one that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from services.notifier.application.attempts import folded, seek
from services.notifier.application.collecting import Waiting
from services.notifier.domain import ANSWERABLE
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.notifier.application.collecting import Key
    from shared.runtime.commands import Commands
    from shared.runtime.log import Loaded

AT_ONE_LOOK = 100
"""Notifications read at one look: a wave of thousands takes tens of looks and not thousands."""

log = structlog.get_logger()


class Release(Protocol):
    """Takes back a message that could not be placed."""

    def __call__(self, key: Key, error: Exception | None = None) -> None:
        """Leave it to its row; ``error`` where it is our fault."""


class Sorter:
    """Keeps what was handed over until it is placed."""

    def __init__(self, commands: Commands) -> None:
        """Read notifications by ``commands``."""
        self._commands = commands
        self._unsorted: list[Key] = []

    def add(self, key: Key) -> bool:
        """Keep a message; say whether ``sort`` must be begun, because it is not at work."""
        self._unsorted.append(key)
        return len(self._unsorted) == 1

    async def sort(self, put: Callable[[Waiting], None], release: Release) -> None:
        """Place everything, until nothing is left."""
        while self._unsorted:
            keys = self._unsorted[:AT_ONE_LOOK]
            try:
                await self._place(keys, put)
            except (Unavailable, *LOST):
                for key in keys:
                    release(key)
            except Exception:  # noqa: BLE001 -- each by itself says what is wrong with it
                for key in keys:
                    await self._place_one(key, put, release)
            del self._unsorted[: len(keys)]

    async def _place_one(self, key: Key, put: Callable[[Waiting], None], release: Release) -> None:
        try:
            await self._place([key], put)
        except (Unavailable, *LOST):
            release(key)
        except Exception as error:
            log.exception("message_not_found", stream_id=key[0])
            release(key, error)

    async def _place(self, keys: list[Key], put: Callable[[Waiting], None]) -> None:
        loaded = await self._commands.load([stream_id for stream_id, _ in keys])
        for waiting in [_waiting(loaded, *key) for key in keys]:
            put(waiting)


def _waiting(loaded: Loaded, stream_id: str, message_id: str) -> Waiting:
    """Return a message as it waits. Raises LookupError where its stream does not hold it."""
    sought, sending = seek(loaded[stream_id], message_id), folded(loaded[stream_id]).sending(message_id)
    return Waiting(
        stream_id=stream_id,
        message_id=message_id,
        recipient_id=sought.queued.recipient_id,
        contact_point_id=sought.message.contact_point_id,
        channel=sought.message.channel,
        send_at=(sending and sending.send_at) or loaded.now,
        repeat=sending is not None and sending.attempts > 0,
        floor=sought.queued.kind == "exhausted",
        calm=sought.queued.kind not in ANSWERABLE,
    )
