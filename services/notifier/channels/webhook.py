"""Call a webhook over HTTP, signed as Standard Webhooks 1.1.0 has it. One request; no redirect, no second try."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from ipaddress import ip_address

import httpx2
from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signature

from services.notifier.channels import CALL_LASTS, Outgoing, Receipt, TransportError, reference

logging.getLogger("httpx2").setLevel(logging.WARNING)  # below that it writes every address it calls

_FOR_NOW = frozenset({408, 425, 429})
"""Statuses below 500 that a later attempt may mend: too slow, too early, too many."""

_SERVER_ERROR = 500

_CONNECTING = 0.5
"""Share of a call's time for connecting: so a host that is not there is told from one that does not answer."""


@dataclass(frozen=True)
class Webhook:
    """Anybody's endpoint. The composition root owns the client and closes it."""

    client: httpx2.AsyncClient = field(repr=False)
    timeout: timedelta = CALL_LASTS

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Post the payload. Raises TransportError.

        Goes by https, or by http to this machine alone. The answer's body is not read. Without a secret the request goes
        unsigned: its receiver did not ask for proof, and a person is waiting for it.
        """
        url = _url(outgoing.address)
        body = json.dumps(dict(outgoing.payload), sort_keys=True, separators=(",", ":"))
        headers = _headers(outgoing, body)
        seconds = self.timeout.total_seconds()
        limits = httpx2.Timeout(seconds, connect=seconds * _CONNECTING)
        try:
            async with (
                asyncio.timeout(seconds),
                self.client.stream(
                    "POST", url, content=body.encode(), headers=headers, timeout=limits, follow_redirects=False
                ) as response,
            ):
                return _receipt(response)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise _failure(error) from None


def _url(address: str) -> httpx2.URL:
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise TransportError("the contact point is not an http(s) address", code="address_invalid", permanent=True)
    if url.scheme == "http" and not _loopback(url.host):
        raise TransportError(
            "the contact point would be called in clear; give its https address",
            code="address_not_allowed",
            permanent=True,
        )
    return url


def _loopback(host: str) -> bool:
    """Whether what is said to a host stays on this machine: then nobody can read along, encrypted or not."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _headers(outgoing: Outgoing, body: str) -> dict[str, str]:
    """Return the headers: id, time and signature of Standard Webhooks; no connection is kept, as it could be stale."""
    sent_at = outgoing.sent_at.astimezone(UTC)
    headers = {
        "content-type": "application/json",
        "connection": "close",
        "webhook-id": outgoing.message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
    }
    if outgoing.secret is None:
        return headers
    try:
        signature = Signature(outgoing.secret).sign(outgoing.message_id, sent_at, body)
    except (EmptyWebhookSecretError, ValueError):
        raise TransportError("the webhook's secret is not base64", code="secret_invalid", permanent=True) from None
    return headers | {"webhook-signature": signature}


def _receipt(response: httpx2.Response) -> Receipt:
    status = response.status_code
    if response.is_success:
        return Receipt(reference(response.headers.get("x-request-id"), f"http_{status}"))
    permanent = status < _SERVER_ERROR and status not in _FOR_NOW
    lasting = "for good" if permanent else "for now"
    raise TransportError(f"the webhook refused {lasting}: {status}", code=f"http_{status}", permanent=permanent)


def _failure(error: Exception) -> TransportError:
    """Say what an error means: by how far the request had come."""
    match error:
        case httpx2.ConnectTimeout() | httpx2.ConnectError() | httpx2.PoolTimeout() | httpx2.ProxyError():
            return TransportError("the webhook was not reached", code="http_unreachable")
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError():
            return TransportError("the webhook cannot be called so", code="address_invalid", permanent=True)
        case TimeoutError() | httpx2.TimeoutException():
            return TransportError("the webhook did not answer in time", code="http_no_answer", unknown=True)
        case _:
            return TransportError("the webhook may have taken it", code="http_connection_lost", unknown=True)
