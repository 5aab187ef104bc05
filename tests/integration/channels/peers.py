"""The other ends: a mail server and a web server on loopback, in the test's own loop, that do as a test tells them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
T0 = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Mailbox:
    """An aiosmtpd handler: keeps what it is given, and answers RCPT and DATA as told. None hangs, ``cut`` hangs up."""

    rcpt: str | None = "250 OK"
    data: str | None = "250 2.0.0 OK: queued as 4F2A9C"
    took: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.rcpt is None:
            await asyncio.Event().wait()
        answer = str(self.rcpt)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- the same
        self.took.append(envelope)
        self.encrypted.append(session.ssl is not None)
        if self.data is None:
            await asyncio.Event().wait()
        if self.data == "cut":
            assert server.transport is not None
            server.transport.close()
        return str(self.data)


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox,
    *,
    starttls: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    login: tuple[bytes, bytes] | None = None,
) -> AsyncIterator[int]:
    """Run aiosmtpd and give its port."""

    def authenticate(_server: object, _session: object, _envelope: object, _how: str, data: object) -> AuthResult:
        right = (getattr(data, "login", None), getattr(data, "password", None)) == login
        return AuthResult(success=right, handled=False)

    def server() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            tls_context=starttls,
            authenticator=authenticate if login else None,
            auth_required=login is not None,
            loop=asyncio.get_running_loop(),
        )

    listening = await asyncio.get_running_loop().create_server(server, HOST, 0, ssl=implicit)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@dataclass
class Request:
    """What a web server was sent."""

    line: str
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def tcp_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Run anything that speaks over a connection, and give its port; whoever still waits at the end is let go."""
    serving: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            serving.discard(task)
            writer.close()

    listening = await asyncio.start_server(connected, HOST, 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        waiting = tuple(serving)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@asynccontextmanager
async def web_server(took: list[Request], reply: Reply) -> AsyncIterator[str]:
    """Run a server that reads one request, keeps it, and then does what ``reply`` does; give its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in rest)}
        took.append(Request(line, headers, await reader.readexactly(int(headers["content-length"]))))
        await reply(writer)

    async with tcp_server(serve) as port:
        yield f"http://{HOST}:{port}/hook"


def answers(status: int, **headers: str) -> Reply:
    """Answer with a status, and headers whose underscores are hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n{lines}\r\n".encode())
        await writer.drain()

    return reply


async def hangs(_peer: object) -> None:
    """Say nothing for ever."""
    await asyncio.Event().wait()


async def cuts(writer: asyncio.StreamWriter) -> None:
    """Hang up without a word."""
    writer.close()


def self_signed(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context with a certificate that nobody signed, and a client's that trusts just that one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)
