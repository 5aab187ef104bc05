"""A mail server that takes every mail and writes it down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.sinks.sink import Sink

_ANSWERS = {
    "accept": "250 2.0.0 OK",
    "refuse_for_now": "451 4.3.0 try again later",
    "refuse_for_good": "550 5.1.1 no such mailbox",
}


@dataclass(eq=False)
class MailSink(Sink):
    """A mail server (aiosmtpd). A line has at, channel, to, subject, message_id, notifications, body and behaviour."""

    _speaking: list[SMTP] = field(default_factory=list, repr=False)

    async def _listen(self) -> asyncio.Server:
        def speak() -> SMTP:
            self._speaking.append(SMTP(self, hostname="sink.invalid", loop=asyncio.get_running_loop()))
            return self._speaking[-1]

        return await asyncio.get_running_loop().create_server(speak, self.host, self.port)

    async def hang_up(self) -> None:
        """Let go whoever still waits for an answer."""
        for one in self._speaking:
            if one.transport is not None:
                one.transport.close()
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
                    "notifications": [str(one) for one in mail.get_all("X-Lonewatch-Notification", [])],
                    "body": mail.get_content(),
                }
            )
        if behaviour == "cut" and server.transport is not None:
            server.transport.close()
        if behaviour in _ANSWERS:
            return _ANSWERS[behaviour]
        await asyncio.Event().wait()  # until the other side, or the sink, hangs up
        raise AssertionError
