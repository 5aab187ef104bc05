"""An escalation service that runs on a log with a site, and the pages of its people."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest_asyncio

from shared.contracts.asks import Ask
from shared.contracts.envelope import Recorded
from shared.runtime.links import link_code
from tests.support.history import make_site, token_of
from tests.support.services import Installation, bearer

VISIT = "visit1"
STREAM = f"escalation-{VISIT}"
EPISODE = f"{VISIT}.1"


@dataclass(frozen=True)
class World:
    """An installation whose escalation runs, and a client without a token."""

    installation: Installation
    client: httpx2.AsyncClient

    async def page(self, worker_id: str, escalation_id: str = EPISODE) -> str:
        """Return the address of the page that somebody's link leads to."""
        keyring = self.installation.running["escalation"].keyring
        return f"/escalation/e/{await link_code(keyring, escalation_id, worker_id)}"

    async def press(self, worker_id: str, action: str, **chosen: str) -> httpx2.Response:
        """Press a button on somebody's page."""
        return await self.client.post(await self.page(worker_id), data={"action": action, **chosen})

    async def get(self, worker_id: str, path: str) -> httpx2.Response:
        """Read from the API as somebody."""
        return await self.client.get(f"/escalation{path}", headers=bearer(token_of(worker_id)))

    async def post(self, worker_id: str, path: str, **body: Any) -> httpx2.Response:
        """Command through the API as somebody."""
        return await self.client.post(f"/escalation{path}", headers=bearer(token_of(worker_id)), json=body)

    async def types(self) -> list[str]:
        """Return what the escalation of the visit consists of, without the service's prefix and version."""
        return [name.split(".")[1] for name in await self.installation.types(STREAM)]

    async def told(self) -> list[set[str]]:
        """Return whom each event of the visit's escalation tells, where it tells somebody."""
        asks = [asked(recorded) for recorded in await self.installation.history(STREAM)]
        return [{ask.worker_id for ask in told} for told in asks if told]


def asked(recorded: Recorded) -> tuple[Ask, ...]:
    """Return whom an event asks to tell."""
    asks: tuple[Ask, ...] = getattr(recorded.event, "asks", ())
    return asks


@pytest_asyncio.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    """A site with its people, and escalation at work on it."""
    await make_site(installation)
    async with installation.service("escalation", token="nobody") as client:
        del client.headers["Authorization"]
        yield World(installation, client)
