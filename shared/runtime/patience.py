"""Answer in time: whoever asks learns within 8 s that the log does not answer, and whom to ring meanwhile.

Ends no work: a call for help whose answer took too long is still recorded when the log comes back in time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWERED_WITHIN = 7.5
"""Seconds until a request is answered, whatever it still waits for: a person who needs help looks at the screen, and
nothing that works takes a tenth of it."""

log = structlog.get_logger()


class Patience:
    """Hands requests on, and answers by ``instead`` whatever has not begun to be answered in time."""

    def __init__(self, app: ASGIApp, instead: Callable[[], ASGIApp]) -> None:
        """Stand before ``app``."""
        self._app = app
        self._instead = instead
        self._left: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        asked = asyncio.ensure_future(self._app(scope, receive, answer))
        try:
            await asyncio.wait({asked}, timeout=ANSWERED_WITHIN)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        if asked.done() or answer.begun:
            await asked
            return
        answer.over = True
        self._left.add(asked)
        asked.add_done_callback(self._end)
        log.warning("answered_without_outcome", path=scope.get("path", "").split("/")[1:3])
        await self._instead()(scope, receive, send)

    def _end(self, asked: asyncio.Task[None]) -> None:
        """Forget work that nobody waits for any more; what became of it has been said by whoever did it."""
        self._left.discard(asked)
        if not asked.cancelled():
            asked.exception()


class _Answer:
    """Passes an answer on, until somebody else has answered."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self.begun = False
        self.over = False

    async def __call__(self, message: Message) -> None:
        if self.over:
            return
        self.begun = True
        await self._send(message)
