"""A line to a server that can be cut: before a request arrives, or after the server has done it and before it answers.

Knows of PostgreSQL's protocol only how an answer ends. Every cut is made once; then the line works again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

READY = b"Z\x00\x00\x00\x05I"
"""The last bytes of every answer outside a transaction (ReadyForQuery, idle): what came before it is committed."""

_CHUNK = 65536
"""Bytes taken at a time; any number would do."""

Cut = Literal["before the request", "before the answer"]


@dataclass
class Proxy:
    """One line; ``cut`` arms it for the next request."""

    host: str
    port: int
    cut: Cut | None = None
    cuts: int = 0
    """How often it was cut."""
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends or it is cut."""
        try:
            there_reader, there_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        ways = {
            asyncio.create_task(self._requests(reader, there_writer)),
            asyncio.create_task(self._answers(there_reader, writer)),
        }
        self._open |= ways
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._open -= ways
            for end in (writer, there_writer):
                end.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._cuts("before the request"):
                    return
                writer.write(data)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self.cut == "before the answer":
                    while not data.endswith(READY):
                        data = data[-len(READY) :] + await reader.read(_CHUNK)
                    self._cuts("before the answer")
                    return
                writer.write(data)

    def _cuts(self, here: Cut) -> bool:
        if self.cut != here:
            return False
        self.cut = None
        self.cuts += 1
        return True


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[tuple[Proxy, int]]:
    """Yield a line to a server, and the port at which it begins on this machine."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for way in list(proxy._open):  # noqa: SLF001 -- its own module
            way.cancel()
