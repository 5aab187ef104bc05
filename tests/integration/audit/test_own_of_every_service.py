"""A worker's own timeline of visits that the services themselves recorded: with the ordinary PIN, and with the one for duress."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import httpx2
import pytest_asyncio

from shared.contracts.situations import VisitDuressSignalled
from tests.support.services import Installation, bearer
from tests.support.world import ANNA, BEN, GRACE, INTERVAL, World, make_world

PIN, DURESS = "2580", "8520"
MINUTE = timedelta(minutes=1)

MASKS = (
    (re.compile(r"[0-9a-f]{32}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?|\d\d:\d\d:\d\d"), "<instant>"),
)


def seen(response: httpx2.Response) -> tuple[int, str]:
    """Return the status and the body that a device gets, with ids and instants masked."""
    body = response.text
    for mask, instead in MASKS:
        body = mask.sub(instead, body)
    return response.status_code, body


@dataclass(frozen=True)
class Afternoon:
    """Four services at work, a worker with PINs, and audit's client."""

    world: World
    audit: httpx2.AsyncClient

    async def says(self, visit_id: str, path: str, pin: str, **body: str) -> None:
        """Let Anna send something with a PIN, and everything that follows of it happen."""
        await self.world.done(ANNA, "POST", f"/visits/{visit_id}/{path}", {**body, "pin": pin})
        await self.world.installation.quiet()

    async def passes(self, span: timedelta) -> None:
        """Let time pass."""
        await self.world.installation.clock.forward(span)
        await self.world.installation.quiet()

    async def read(self, visit_id: str, who: str = ANNA, query: str = "") -> httpx2.Response:
        """Read the timeline of a visit as somebody."""
        path = f"/audit/visits/{visit_id}/timeline{query}"
        return await self.audit.get(path, headers=bearer(self.world.tokens[who]))


@pytest_asyncio.fixture
async def afternoon(installation: Installation) -> AsyncIterator[Afternoon]:
    """A site, its people, and every service at work."""
    async with AsyncExitStack() as stack:
        checkin = await stack.enter_async_context(installation.service("checkin"))
        for name in ("escalation", "notifier"):
            await stack.enter_async_context(installation.service(name))
        audit = await stack.enter_async_context(installation.service("audit", token=""))
        del audit.headers["Authorization"]
        world = await make_world(installation, checkin)
        await world.done(ANNA, "PUT", f"/workers/{ANNA}/pins", {"pin": PIN, "duress_pin": DURESS})
        yield Afternoon(world, audit)


async def a_check_in_and_an_end(afternoon: Afternoon, pin: str) -> str:
    """A visit that goes well, as far as one can see."""
    visit_id = await afternoon.world.started(lasts=10 * INTERVAL)
    await afternoon.passes(INTERVAL - MINUTE)
    await afternoon.says(visit_id, "check-ins", pin)
    await afternoon.says(visit_id, "end", PIN)
    return visit_id


async def a_late_check_in(afternoon: Afternoon, pin: str) -> str:
    """A visit on which a check-in is missed, and comes late."""
    visit_id = await afternoon.world.started(lasts=10 * INTERVAL)
    await afternoon.passes(INTERVAL - MINUTE)
    await afternoon.passes(2 * MINUTE)  # each reminder is given: none is left that a longer jump may pass over
    await afternoon.passes(GRACE)
    await afternoon.says(visit_id, "check-ins", pin)
    await afternoon.says(visit_id, "end", PIN)
    return visit_id


async def an_unsafe_end(afternoon: Afternoon, pin: str) -> str:
    """A visit that ends because the place is unsafe."""
    visit_id = await afternoon.world.started(lasts=10 * INTERVAL)
    await afternoon.says(visit_id, "end", pin, reason="unsafe")
    return visit_id


AFTERNOONS: tuple[Callable[[Afternoon, str], Awaitable[str]], ...] = (
    a_check_in_and_an_end,
    a_late_check_in,
    an_unsafe_end,
)


async def test_the_worker_reads_the_same_whichever_pin_it_was(afternoon: Afternoon) -> None:
    for happens in AFTERNOONS:
        ordinary, under_duress = [await happens(afternoon, pin) for pin in (PIN, DURESS)]
        for query in ("", "?format=text"):
            without, with_it = [await afternoon.read(visit_id, query=query) for visit_id in (ordinary, under_duress)]
            assert with_it.status_code == 200
            assert seen(with_it) == seen(without), happens
            assert "duress" not in with_it.text
        told = [(await afternoon.read(visit_id, who=BEN)).json() for visit_id in (ordinary, under_duress)]
        whats = [[line["what"] for line in one["lines"]] for one in told]
        assert [VisitDuressSignalled.type in it for it in whats] == [False, True]
        escalations = [line["outcome"] for line in told[1]["lines"] if line["what"] == "escalation"]
        assert set(escalations) == {"met"}
