"""Whether a broker takes us, as it would take a service: opens one connection, proves who it is, asks which brokers are there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from deploy.doctor.finding import Finding, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.kafka import KafkaSettings

WITHIN = 5.0
"""Seconds for a conversation: a broker that needs longer carries nothing in time."""

PORT = 9092
"""Of an address that names none: Kafka's own."""

FAILURES = (OSError, TimeoutError, KafkaError, UnicodeError)
"""What a conversation with Kafka may end in."""

_LOGIN = (SaslAuthenticationFailed, AuthenticationFailedError)
_NO_LOGIN = (UnsupportedSaslMechanismError, IllegalSaslStateError)
_SECURITY = "LONEWATCH_KAFKA_SECURITY"


def login_is_protected(settings: KafkaSettings) -> list[Finding]:
    """Look what the password is trusted to."""
    if settings.security != "sasl_plaintext" or settings.sasl_mechanism != "PLAIN":
        return []
    return [
        warning(
            "kafka_password_unprotected",
            "Kafka's password is sent as it is, for everybody on the way to read.",
            f"Set {_SECURITY} to sasl_ssl, or LONEWATCH_KAFKA_SASL_MECHANISM to SCRAM-SHA-512.",
        )
    ]


async def reached(place: str, settings: KafkaSettings, given: Mapping[str, Any]) -> Finding:
    """Open one connection as every client does, and ask which brokers there are."""
    try:
        address = urlsplit(f"//{place}")
        host, port = address.hostname, address.port or PORT
    except ValueError:
        host = None
    if not host:
        return warning(
            "kafka_address_invalid",
            f"{place} in LONEWATCH_KAFKA_BOOTSTRAP is no address.",
            "Set it to host:port of each broker, with commas between.",
        )
    how = {
        name: value
        for name, value in given.items()
        if name.startswith(("security_", "ssl_", "sasl_", "request_", "client_"))
    }
    try:
        async with asyncio.timeout(2 * WITHIN):
            broker = await create_conn(host, port, **how)
            try:
                await broker.send(MetadataRequest([]))
            finally:
                broker.close()
    except FAILURES as failure:
        return _refused(f"Kafka at {place}", settings, failure)
    return ok("kafka_reached", f"Kafka at {place} takes us.")


def _refused(where: str, settings: KafkaSettings, failure: Exception) -> Finding:
    """Say what the end of a conversation means."""
    secured = settings.security in ("ssl", "sasl_ssl")
    match failure:
        case socket.gaierror() | UnicodeError():
            remedy = "Put the right name into LONEWATCH_KAFKA_BOOTSTRAP; see that this machine's resolver knows it."
            return warning("kafka_name_unknown", f"{where}: no machine has that name.", remedy)
        case ssl.SSLCertVerificationError():
            remedy = (
                "Set LONEWATCH_KAFKA_CA_FILE to the authority of Kafka's certificate, and name the broker as it does."
            )
            return warning("kafka_certificate_untrusted", f"{where} has a certificate that is not trusted.", remedy)
        case _ if isinstance(failure, _LOGIN):
            remedy = "Set LONEWATCH_KAFKA_SASL_USERNAME, and the password in _SASL_PASSWORD_FILE, to what Kafka's operator gave you."
            return warning("kafka_login_refused", f"{where} refuses the name or the password.", remedy)
        case _ if isinstance(failure, _NO_LOGIN):
            remedy = f"Set {_SECURITY} and LONEWATCH_KAFKA_SASL_MECHANISM to what this port of Kafka offers."
            return warning("kafka_login_unusable", f"{where} offers no login by {settings.sasl_mechanism}.", remedy)
        case ssl.SSLError() | ConnectionResetError() if secured:
            remedy = f"Give the port at which Kafka speaks TLS, or set {_SECURITY} to what this one speaks."
            return warning("kafka_tls_refused", f"{where} makes no TLS connection with us.", remedy)
        case KafkaError():
            remedy = f"Set {_SECURITY} (it is {settings.security}) to what this port of Kafka wants, and a certificate where it asks."
            return warning("kafka_security_differs", f"{where} ends the conversation.", remedy)
    remedy = "Start it, or put the right address into LONEWATCH_KAFKA_BOOTSTRAP; see that no firewall stands between."
    return warning("kafka_unreachable", f"{where} does not answer ({type(failure).__name__}).", remedy)
