"""Ask a running Lonewatch how it is: one service for what each of them knows, and all for what only they know. Says nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from deploy.client import RefusedError
from deploy.database import SERVICES

if TYPE_CHECKING:
    from deploy.client import Client

ANSWERS_WITHIN = 3.0
"""Seconds that ``status`` waits for what a service alone knows: it must not keep from people what another has answered."""

_ELSEWHERE = frozenset({"unavailable", "not_reached", "failed"})
"""Refusals after which another service is asked."""


async def asked(asking: Client) -> dict[str, Any]:
    """Ask one service after another until one knows: each of them knows of all, but for what Kafka carries. Raises RefusedError."""
    for service in SERVICES:
        try:
            found: dict[str, Any] = await asking.get(f"/{service}/status")
        except RefusedError as refused:
            if refused.code not in _ELSEWHERE or service == SERVICES[-1]:
                raise
        else:
            for one, carried in zip(SERVICES, await _carried(asking), strict=True):
                found["services"][one]["kafka"] = carried
            return found
    raise AssertionError


async def _carried(asking: Client) -> list[dict[str, Any] | None]:
    """Return what each service says of what Kafka carries for it; None of one that does not answer in time."""

    async def of(service: str) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                said: dict[str, Any] | None = (await asking.get(f"/{service}/status"))["services"][service].get("kafka")
        except (RefusedError, TimeoutError):
            return None
        return said

    return await asyncio.gather(*(of(service) for service in SERVICES))
