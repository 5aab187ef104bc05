"""Whether mail can leave. Speaks to the mail server up to the login and sends nothing."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import aiosmtplib

from deploy.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from deploy.doctor.target import Target
    from services.notifier.settings import Settings

WITHIN = 5.0
"""Seconds for a conversation: a call to the outside may take no more than ten."""

_SENDER = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_NOT_REACHED = (
    OSError,
    TimeoutError,
    UnicodeError,  # a name that no host can have
    aiosmtplib.SMTPConnectError,
    aiosmtplib.SMTPServerDisconnected,
)
_FAILURES = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError)


async def can_be_sent(target: Target) -> list[Finding]:
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
    if isinstance(failure, _NOT_REACHED):
        remedy = (
            "Start it, or set LONEWATCH_SMTP_HOST and LONEWATCH_SMTP_PORT right; see that no firewall stands between."
        )
        return error("mail_server_unreachable", f"{where} is not reached.", remedy)
    remedy = "Let it offer STARTTLS and a login, or set LONEWATCH_SMTP_SECURITY to what it offers."
    return error("mail_server_unusable", f"{where} offers no such encryption or login.", remedy)
