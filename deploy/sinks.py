"""The other ends: a mail server and a web server on this machine that take whatever comes, and write it down.

For the demo, and for tests, where they stand outside of everything they check. Each arrival is one JSON line in a file of
the sink's own, synced before anything is answered; so after any crash the file says what really arrived. What is then
answered is the sink's ``behaviour``. Run both as a process of their own: ``python -m deploy.sinks --folder …``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, get_args

from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    from collections.abc import Callable

Behaviour = Literal["accept", "refuse_for_now", "refuse_for_good", "hang", "cut"]
"""Take it; refuse it for now or for good; never answer; hang up instead of answering."""

_MAIL_ANSWERS = {
    "accept": "250 2.0.0 OK",
    "refuse_for_now": "451 4.3.0 try again later",
    "refuse_for_good": "550 5.1.1 no such mailbox",
}
_WEB_ANSWERS = {"accept": "204 No Content", "refuse_for_now": "503 Service Unavailable", "refuse_for_good": "410 Gone"}


@dataclass(eq=False)
class Sink:
    """What both have in common: the file, the behaviour, and who wants to know at once."""

    path: Path
    """Where arrivals are written, a JSON line each; begun anew."""
    port: int = 0
    """Where it listens; 0 takes a free one, which stands here once it listens."""
    arrived: Callable[[dict[str, Any]], None] | None = None
    """Called with each arrival after it is written."""
    behaviour: Behaviour = "accept"
    """Of whatever comes next."""
    behaviour_file: Path | None = None
    """A file whose word is the behaviour, while it exists: for sinks in another process."""
    host: str = "127.0.0.1"
    arrivals: list[dict[str, Any]] = field(default_factory=list)
    _server: asyncio.Server | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        """Listen."""
        self.path.write_text("", encoding="utf-8")
        self._server = await self._listen()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, and let go whoever still waits."""
        if self._server is not None:
            self._server.close()
        await self._let_go()

    async def _listen(self) -> asyncio.Server:
        raise NotImplementedError

    async def _let_go(self) -> None:
        raise NotImplementedError

    def take(self, arrival: dict[str, Any]) -> Behaviour:
        """Write an arrival down for good, and return what to do about it."""
        behaviour = self.behaviour
        if self.behaviour_file is not None and self.behaviour_file.exists():
            word = self.behaviour_file.read_text(encoding="utf-8").strip()
            behaviour = cast("Behaviour", word) if word in get_args(Behaviour) else behaviour
        line = {"at": datetime.now(UTC).isoformat(), **arrival, "behaviour": behaviour}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.arrivals.append(line)
        if self.arrived is not None:
            self.arrived(line)
        return behaviour


@dataclass(eq=False)
class MailSink(Sink):
    """A mail server (aiosmtpd). A line has at, channel, to, subject, message_id, body and behaviour."""

    _speaking: list[SMTP] = field(default_factory=list, repr=False)

    async def _listen(self) -> asyncio.Server:
        def speak() -> SMTP:
            self._speaking.append(SMTP(self, hostname="sink.invalid", loop=asyncio.get_running_loop()))
            return self._speaking[-1]

        return await asyncio.get_running_loop().create_server(speak, self.host, self.port)

    async def _let_go(self) -> None:
        for one in self._speaking:
            if one.transport is not None:
                one.transport.abort()
        await asyncio.sleep(0)  # the ends of the connections are told in the loop's next turn

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        """Take a mail; aiosmtpd calls this when all of it is there."""
        mail = message_from_bytes(cast("bytes", envelope.content), EmailMessage, policy=policy.default)
        for to in envelope.rcpt_tos:
            behaviour = self.take(
                {
                    "channel": "mail",
                    "to": to,
                    "subject": str(mail["Subject"]),
                    "message_id": str(mail["Message-ID"]),
                    "body": mail.get_content(),
                }
            )
        if behaviour == "cut" and server.transport is not None:
            server.transport.abort()
        if behaviour in _MAIL_ANSWERS:
            return _MAIL_ANSWERS[behaviour]
        await asyncio.Event().wait()  # until the other side, or the sink, hangs up
        raise AssertionError


@dataclass(eq=False)
class WebhookSink(Sink):
    """A web server. A line has at, channel, path, headers, raw (the body as it came), body (its JSON) and behaviour."""

    _serving: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    @property
    def url(self) -> str:
        """Its address; whatever path is put behind it, it answers."""
        return f"http://{self.host}:{self.port}"

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, self.host, self.port)

    async def _let_go(self) -> None:
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
        behaviour = self.take(
            {"channel": "webhook", "path": line.split()[1], "headers": headers, "raw": raw, "body": _read(raw)}
        )
        if behaviour == "hang":
            await reader.read()  # until the other side hangs up
        if behaviour in _WEB_ANSWERS:
            writer.write(
                f"HTTP/1.1 {_WEB_ANSWERS[behaviour]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
            )
            await writer.drain()


def _read(raw: str) -> Any:
    """Return the JSON of a body; a body that is none as it is."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


async def run(folder: Path, mail_port: int, webhook_port: int) -> None:
    """Run both until told to stop; say in one line where they listen."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        MailSink(folder / "mail.jsonl", mail_port, behaviour_file=folder / "mail.behaviour") as mail,
        WebhookSink(folder / "webhooks.jsonl", webhook_port, behaviour_file=folder / "webhooks.behaviour") as webhook,
    ):
        sys.stdout.write(json.dumps({"mail_port": mail.port, "webhook_url": webhook.url}) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    """Read the command line and run both sinks."""
    parser = argparse.ArgumentParser(description="A mail server and a web server that write down what arrives.")
    parser.add_argument("--folder", type=Path, required=True, help="for mail.jsonl and webhooks.jsonl; a file "
                        "mail.behaviour or webhooks.behaviour there holds a word: " + ", ".join(get_args(Behaviour)))  # fmt: skip
    parser.add_argument("--mail-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--webhook-port", type=int, default=0, help="0 takes a free one")
    given = parser.parse_args()
    asyncio.run(run(given.folder, given.mail_port, given.webhook_port))


if __name__ == "__main__":
    main()
