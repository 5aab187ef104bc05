"""Whether mail can leave, people can follow their links, and somebody outside notices when Lonewatch is gone.

Speaks to the mail server up to the login and sends nothing; of the heartbeat's address it only opens the connection: a
request would be a heartbeat, and would keep quiet whoever should be alarmed.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiosmtplib

from deploy.doctor.finding import Finding, error, ok, warning
from shared.runtime.settings import RING

if TYPE_CHECKING:
    from deploy.doctor.target import Target
    from services.notifier.settings import Settings

WITHIN = 5.0
"""Seconds for a conversation: a call to the outside may take no more than ten."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_SENDER = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_FAILURES = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError)


async def mail_can_be_sent(target: Target) -> list[Finding]:
    """Look at the sender, at what the password is trusted to, and let the mail server have a word."""
    settings = target.any
    if settings.smtp_host is None:
        return [
            warning(
                "mail_not_set_up",
                "No mail server is set up: no mail is sent.",
                "Set LONEWATCH_SMTP_HOST, and restart notifier.",
            )
        ]
    findings = []
    if not _SENDER.fullmatch(settings.mail_from):
        findings.append(
            error("mail_sender_invalid", "The sender of mails is no address.", "Set LONEWATCH_MAIL_FROM to name@host.")
        )
    if settings.smtp_password is not None and settings.smtp_security in {"none", "opportunistic"}:
        return [
            *findings,
            error(
                "mail_password_unprotected",
                f"The mail server's password would be sent with smtp_security {settings.smtp_security}.",
                "Set LONEWATCH_SMTP_SECURITY to starttls or tls.",
            ),
        ]
    return [*findings, await _spoken_to(settings)]


async def _spoken_to(settings: Settings) -> Finding:
    where = f"The mail server {settings.smtp_host}:{settings.smtp_port}"
    security = settings.smtp_security
    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        local_hostname="localhost",
        timeout=WITHIN,
        use_tls=security == "tls",
        start_tls={"none": False, "opportunistic": None, "starttls": True, "tls": False}[security],
        validate_certs=security in {"starttls", "tls"},
    )
    try:
        async with asyncio.timeout(2 * WITHIN):
            await client.connect()
            if settings.smtp_username is not None:
                password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
                await client.login(settings.smtp_username, password)
    except _FAILURES as failure:
        return _refused(where, failure)
    finally:
        with suppress(*_FAILURES):
            await client.quit(timeout=1)
        client.close()
    return ok("mail_server_answers", f"{where} takes us.")


def _refused(where: str, failure: Exception) -> Finding:
    """Say what the end of a conversation means."""
    if isinstance(failure, aiosmtplib.SMTPAuthenticationError):
        remedy = "Set LONEWATCH_SMTP_USERNAME and LONEWATCH_SMTP_PASSWORD to what its administrator gave you."
        return error("mail_login_refused", f"{where} refuses the login ({failure.code}).", remedy)
    if isinstance(failure, ssl.SSLError) or isinstance(failure.__cause__, ssl.SSLError):
        remedy = "Give it a certificate of a known authority, or add its authority to this machine's."
        return error("mail_certificate_untrusted", f"{where} has a certificate that is not trusted here.", remedy)
    if isinstance(failure, OSError | TimeoutError | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPServerDisconnected):
        remedy = (
            "Start it, or set LONEWATCH_SMTP_HOST and LONEWATCH_SMTP_PORT right; see that no firewall stands between."
        )
        return error("mail_server_unreachable", f"{where} is not reached.", remedy)
    remedy = "Let it offer STARTTLS and a login, or set LONEWATCH_SMTP_SECURITY to what it offers."
    return error("mail_server_unusable", f"{where} offers no such encryption or login.", remedy)


async def people_can_follow_links(target: Target) -> list[Finding]:
    """Look where the links in messages lead, for services that are not all on the machine of whoever reads them."""
    host = urlsplit(target.any.public_url).hostname or ""
    if target.folder is None and host in LOOPBACK:
        return [
            warning(
                "public_url_is_local",
                "Links in messages lead to the reader's own machine.",
                "Set LONEWATCH_PUBLIC_URL to the address at which people reach the front.",
            )
        ]
    return []


async def somebody_outside_listens(target: Target) -> list[Finding]:
    """Look whether there is a dead man's switch, and whether its address takes connections."""
    secret = target.any.heartbeat_url
    if secret is None:
        return [
            warning(
                "heartbeat_not_set",
                "Nobody outside notices when Lonewatch is gone.",
                "Set LONEWATCH_HEARTBEAT_URL to the address of a dead man's switch that alarms you after a minute.",
            )
        ]
    address = urlsplit(secret.get_secret_value())
    encrypted = address.scheme == "https"
    try:
        async with asyncio.timeout(WITHIN):
            port = address.port or (443 if encrypted else 80)
            _, writer = await asyncio.open_connection(address.hostname, port, ssl=encrypted or None)
    except (OSError, TimeoutError, ValueError) as failure:
        return [
            error(
                "heartbeat_not_answered",
                f"Nobody takes a connection at the heartbeat's address ({type(failure).__name__}).",
                "Set LONEWATCH_HEARTBEAT_URL right; see that this machine may reach it.",
            )
        ]
    writer.close()
    return [ok("heartbeat_reached", "The heartbeat's address takes connections.")]


async def people_know_whom_to_ring(target: Target) -> list[Finding]:
    """Look whether the operator has said whom to ring while the watch is impaired."""
    if target.any.ring != RING:
        return []
    return [
        warning(
            "ring_is_default",
            "Nobody has said whom to ring while the watch is impaired.",
            "Set LONEWATCH_RING to one sentence with the number of the duty desk.",
        )
    ]
