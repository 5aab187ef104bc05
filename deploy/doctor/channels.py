"""Whether people can follow their links, know whom to ring, and somebody outside notices when Lonewatch is gone.

Of the heartbeat's address it only opens the connection: a request would be a heartbeat, and would keep quiet whoever
should be alarmed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deploy.doctor.finding import Finding, error, ok, warning
from shared.runtime.settings import RING

if TYPE_CHECKING:
    from deploy.doctor.target import Target

WITHIN = 5.0
"""Seconds for a conversation: a call to the outside may take no more than ten."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_WEB = frozenset({"https", "http"})


async def people_can_follow_links(target: Target) -> list[Finding]:
    """Look where the links in messages lead, for services that are not all on the machine of whoever reads them."""
    try:
        address = urlsplit(target.any.public_url)
        host = address.hostname or ""
    except ValueError:
        host = ""
    if not host or address.scheme not in _WEB:
        return [
            error(
                "public_url_invalid",
                "Links in messages lead nowhere: LONEWATCH_PUBLIC_URL is no web address.",
                "Set it to the address at which people reach the front, as https://lonewatch.example.",
            )
        ]
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
    try:
        address = urlsplit(secret.get_secret_value())
        port = address.port
        if address.scheme not in _WEB or not address.hostname:
            raise ValueError(address.scheme)  # noqa: TRY301 -- it is all one: no web address
    except ValueError:
        return [
            error(
                "heartbeat_address_invalid",
                "LONEWATCH_HEARTBEAT_URL is no web address: no heartbeat is sent.",
                "Set it to the address of a dead man's switch, which begins with https:// or http://.",
            )
        ]
    encrypted = address.scheme == "https"
    try:
        async with asyncio.timeout(WITHIN):
            port = port or (443 if encrypted else 80)
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
