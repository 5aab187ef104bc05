"""A provider of messages that notes when the first byte of each request reached it, and says yes to all of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

ACCEPTED = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class SilentError(RuntimeError):
    """Nothing came."""


@dataclass(frozen=True)
class Came:
    """One request: when its first byte came, and its body."""

    first_byte: float
    data: dict[str, Any]


@dataclass(eq=False)
class Provider:
    """What came so far."""

    url: str = ""
    came: list[Came] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def told_of_another(self, known: Collection[str], within: float) -> Came:
        """Wait for the first request about an escalation that is not yet known. Raises SilentError."""

        def found() -> Came | None:
            fresh = (one for one in self.came if one.data["escalation_id"] not in known)
            return min(fresh, key=lambda one: one.first_byte, default=None)

        with suppress(TimeoutError):
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(found)
        told = found()
        if told is None:
            raise SilentError(f"nobody was told of a call for help within {within:g} s")
        return told

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            at = time.perf_counter()
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].split(maxsplit=1)[0])
            body = json.loads(await reader.readexactly(length))
            writer.write(ACCEPTED)
            await writer.drain()
            data = body["data"]
            async with self._news:
                self.came += [Came(at, one) for one in data.get("notifications", [data])]
                self._news.notify_all()
        writer.close()


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Yield a provider that listens."""
    made = Provider()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
