"""Send a mail by SMTP (RFC 5321). One connection per message; no queue, no second try."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from ssl import SSLContext, SSLError
from typing import Literal

import aiosmtplib

from services.notifier.channels import CALL_LASTS, Outgoing, Receipt, TransportError, reference

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
"""A mail address in its plain form (RFC 5321: dot-string and host name): no quotes, and nothing that ends a line."""

_QUEUED_AS = re.compile(r"(?:queued as|id=)\s*([A-Za-z0-9_.-]+)", re.IGNORECASE)
"""How the common mail servers name what they took."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")

_SUBJECT_LENGTH = 200
"""Characters of a subject: what phones show is shorter, and a header line may not pass 998 (RFC 5322)."""

_GOODBYE = 1.0
"""Seconds for the parting QUIT: the message is already taken, so nobody waits for manners."""

_BUSY, _REFUSED = 400, 500
"""Replies from 400 are for now, replies from 500 for good (RFC 5321, 4.2.1)."""

_LOGIN = frozenset({530, 534, 535, 538})
"""Replies that want another login or encryption (RFC 4954, 6; RFC 3207, 4), at whatever step they come."""

_Failures = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError)
"""What a conversation can end with. ValueError: the library's own refusal of a control character."""


@dataclass(frozen=True)
class Mail:
    """A mail server that passes mails on.

    ``tls``: ``opportunistic`` encrypts when the server offers it, whatever its certificate says (RFC 7435: better than
    in clear, no proof against somebody in between); ``starttls`` and ``implicit`` insist, and check the certificate;
    ``none`` never encrypts, for a server on the same machine whose TLS is broken.
    """

    host: str
    port: int
    sender: str
    tls: Literal["none", "opportunistic", "starttls", "implicit"] = "opportunistic"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: SSLContext | None = field(default=None, repr=False)
    """Who is trusted, where that is not the machine's own choice."""
    timeout: timedelta = CALL_LASTS

    def __post_init__(self) -> None:
        """Raise ValueError for settings that could not work, or would give the password away."""
        if not _ADDRESS.fullmatch(self.sender):
            raise ValueError("the sender is not a mail address: give it as name@host")
        if self.username is not None and self.tls in {"none", "opportunistic"}:
            raise ValueError("a login needs a server that is known: set tls to starttls or implicit")

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Hand the mail to the server. Raises TransportError."""
        address = _plain(outgoing.address)
        content = self.compose(outgoing, address).as_bytes()
        until = asyncio.get_running_loop().time() + self.timeout.total_seconds()
        client = self._client()
        try:
            async with asyncio.timeout_at(until):
                await client.connect()
                await client.mail(self.sender)
                await client.rcpt(address)
        except _Failures as error:
            client.close()
            raise _failure(error, handed_over=False) from None
        try:
            async with asyncio.timeout_at(until):
                answer = await client.data(content)
        except _Failures as error:
            client.close()
            raise _failure(error, handed_over=True) from None
        with suppress(*_Failures):  # taken is taken, however the server parts
            await client.quit(timeout=_GOODBYE)
        client.close()
        named = _QUEUED_AS.search(answer.message)
        return Receipt(reference(named and named[1], f"smtp_{answer.code}"))

    def compose(self, outgoing: Outgoing, address: str) -> EmailMessage:
        """Return the mail: the same ``Message-ID`` at every attempt, and marked as sent by a machine (RFC 3834)."""
        mail = EmailMessage(policy=WIRE)
        mail["From"] = self.sender
        mail["To"] = address
        mail["Subject"] = " ".join(_printable(outgoing.subject).split())[:_SUBJECT_LENGTH]
        mail["Date"] = outgoing.sent_at.astimezone(UTC)
        mail["Message-ID"] = f"<{outgoing.message_id}@{self.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        for notification_id in outgoing.notification_ids:
            mail["X-Lonewatch-Notification"] = notification_id
        below = "" if outgoing.link is None else f"\n\n{outgoing.link}\n"
        mail.set_content(_printable(f"{outgoing.text}{below}"))
        return mail

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            local_hostname=self.sender.partition("@")[2],  # else the library asks DNS for a name, and waits for it
            timeout=self.timeout.total_seconds(),
            use_tls=self.tls == "implicit",
            start_tls={"none": False, "opportunistic": None, "starttls": True, "implicit": False}[self.tls],
            validate_certs=self.tls in {"starttls", "implicit"},
            tls_context=self.tls_context,
        )


def _plain(address: str) -> str:
    """Return a mail address with its host name as DNS has it. Raises TransportError for what is no plain address."""
    name, _, host = address.strip(" ").rpartition("@")
    with suppress(UnicodeError):
        plain = f"{name}@{host.encode('idna').decode('ascii')}"
        if _ADDRESS.fullmatch(plain):
            return plain
    raise TransportError("the contact point is not a mail address", code="address_invalid", permanent=True)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text.replace("\r\n", "\n"))


def _failure(error: Exception, *, handed_over: bool) -> TransportError:
    """Say what an error means: by the server's reply where there is one, else by how far the conversation had come.

    Only a refusal of the recipient or of the mail is for good. That we may not log in, encrypt or send at all is no fault
    of the recipient's: it goes again, as the operator may mend it meanwhile.
    """
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= _BUSY:
        if ours := _our_fault(error):
            return TransportError(f"the mail server refused us: {error.code}", code=ours)
        permanent = error.code >= _REFUSED
        lasting = "for good" if permanent else "for now"
        return TransportError(
            f"the mail server refused {lasting}: {error.code}", code=f"smtp_{error.code}", permanent=permanent
        )
    timed_out = isinstance(error, TimeoutError)
    if handed_over:
        code = "smtp_no_answer" if timed_out else "smtp_connection_lost"
        return TransportError("the mail server may have taken the mail", code=code, unknown=True)
    if isinstance(error, SSLError) or isinstance(error.__cause__, SSLError):
        return TransportError("the mail server's certificate or TLS is not acceptable", code="smtp_tls_failed")
    if timed_out or isinstance(error, OSError):
        return TransportError(
            "the mail server was not reached", code="smtp_timeout" if timed_out else "smtp_unreachable"
        )
    return TransportError("the mail server offers no way to encrypt or log in as set up", code="smtp_unusable")


def _our_fault(error: aiosmtplib.SMTPResponseException) -> str | None:
    """Return the code of a refusal that came before the server knew for whom the mail is; None for any other."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) or error.code in _LOGIN:
        return f"smtp_login_{error.code}"
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return f"smtp_sender_{error.code}"
    if isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        return None
    return f"smtp_session_{error.code}"
