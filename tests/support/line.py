"""A line to a server that can be held: then nothing passes and nothing is cut, as with a server that is stopped.

Knows nothing of what it carries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536
"""Bytes taken at a time; any number would do."""


@dataclass
class Line:
    """One line, open until it is held."""

    host: str
    port: int
    begins_at: int = 0
    """The port on this machine at which it begins."""
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _carrying: set[asyncio.Task[None]] = field(default_factory=set)

    def hold(self) -> None:
        """Let nothing pass."""
        self._open.clear()

    def release(self) -> None:
        """Let everything pass, and what was held first."""
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends."""
        there_reader, there_writer = await asyncio.open_connection(self.host, self.port)
        ways = {
            asyncio.create_task(self._carry(reader, there_writer)),
            asyncio.create_task(self._carry(there_reader, writer)),
        }
        self._carrying |= ways
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._carrying -= ways
            for end in (writer, there_writer):
                end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                writer.write(data)

    def end(self) -> None:
        """Carry nothing any more."""
        for way in list(self._carrying):
            way.cancel()


@asynccontextmanager
async def line_to(host: str, port: int) -> AsyncIterator[Line]:
    """Yield an open line to a server."""
    line = Line(host, port)
    line.release()
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.begins_at = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.end()
