"""A web server that takes every request and writes it down."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from deploy.sinks.sink import Sink

_ANSWERS = {"accept": "204 No Content", "refuse_for_now": "503 Service Unavailable", "refuse_for_good": "410 Gone"}


@dataclass(eq=False)
class WebhookSink(Sink):
    """A web server. A line has at, channel, path, headers, raw, body, notifications and behaviour.

    ``raw`` is the body as it came, ``body`` its JSON, ``notifications`` the ids of what it carries.
    """

    _serving: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    @property
    def url(self) -> str:
        """Its address; whatever path is put behind it, it answers."""
        return f"http://{self.host}:{self.port}"

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, self.host, self.port)

    async def hang_up(self) -> None:
        """Let go whoever still waits for an answer."""
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in rest)}
        raw = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        body = _read(raw)
        behaviour = self.take(
            {
                "channel": "webhook",
                "path": line.split()[1],
                "headers": headers,
                "raw": raw,
                "body": body,
                "notifications": _carried(body),
            }
        )
        if behaviour == "hang":
            await reader.read()  # until the other side hangs up
        if behaviour in _ANSWERS:
            writer.write(f"HTTP/1.1 {_ANSWERS[behaviour]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()


def _read(raw: str) -> Any:
    """Return the JSON of a body; a body that is none as it is."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _carried(body: Any) -> list[str]:
    """Return the ids of the notifications that a body carries: of one, of a bundle, or none where it is something else."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return []
    each = data.get("notifications", [data])
    return [one["notification_id"] for one in each if isinstance(one, dict) and "notification_id" in one]
