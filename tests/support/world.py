"""A small operator to tell stories about: one site under one policy, Anna who works there, Ben who supervises.

Speaks to checkin over HTTP only. A story adds what it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from tests.support.services import Installation, bearer
from tests.unit.checkin.examples import POLICY_1, YES

SITE, POLICY, ASSESSMENT = "site1", POLICY_1.policy_id, "assessment1"
ANNA, BEN, CARA = "anna", "ben", "cara"
"""The worker, the supervisor of the site, and somebody of another site who has nothing to do with it."""

INTERVAL, GRACE = POLICY_1.check_ins.interval.span, POLICY_1.check_ins.grace.span

HOME = "12 Canary Street"
"""Where the visits go: personal data, to be found nowhere in the clear."""


@dataclass
class World:
    """Checkin, running, and the tokens of its people. ``checkin`` shows the first administrator's."""

    installation: Installation
    checkin: httpx2.AsyncClient
    tokens: dict[str, str]

    async def send(self, who: str | None, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """Send a request as somebody (None: the first administrator)."""
        headers = {**(bearer(self.tokens[who]) if who else {}), **more.pop("headers", {})}
        return await self.checkin.request(method, f"/checkin{path}", json=body, headers=headers, **more)

    async def done(self, who: str | None, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """Send a request that must succeed, and return its answer."""
        response = await self.send(who, method, path, body, **more)
        assert response.status_code in {200, 201}, f"{path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    async def refused(self, who: str | None, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Send a request that must be refused; return status and code."""
        response = await self.send(who, method, path, body, **more)
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem = response.json()
        assert problem["detail"], "a refusal says what to do"
        return response.status_code, problem["code"]

    async def person(self, worker_id: str, *roles: str, site_id: str = SITE) -> str:
        """Register a person with roles at the site and a token."""
        await self.done(
            None, "POST", "/workers", {"worker_id": worker_id, "site_id": site_id, "name": f"{worker_id} Canary"}
        )
        for role in roles:
            await self.done(None, "POST", f"/sites/{site_id}/grants", {"worker_id": worker_id, "role": role})
        token: str = (await self.done(None, "POST", f"/workers/{worker_id}/tokens"))["token"]
        self.tokens[worker_id] = token
        return token

    async def plan_body(self, *, lasts: timedelta = timedelta(hours=2), **changes: Any) -> dict[str, Any]:
        """Return a visit of Anna's that starts now, by the log's time."""
        now: datetime = await self.installation.clock.now()
        return {
            "site_id": SITE,
            "worker_id": ANNA,
            "kind": "home_visit",
            "starts_at": now.isoformat(),
            "expected_end_at": (now + lasts).isoformat(),
            "assessment_id": ASSESSMENT,
            "place": HOME,
        } | changes

    async def planned(self, **changes: Any) -> str:
        """Plan a visit of Anna's; return its id."""
        visit_id: str = (await self.done(ANNA, "POST", "/visits", await self.plan_body(**changes)))["visit_id"]
        return visit_id

    async def approved(self, **changes: Any) -> str:
        """Plan a visit that Ben approves; return its id."""
        visit_id = await self.planned(**changes)
        await self.done(BEN, "POST", f"/visits/{visit_id}/approval")
        return visit_id

    async def started(self, **changes: Any) -> str:
        """Plan, approve and start a visit of Anna's; return its id."""
        visit_id = await self.approved(**changes)
        await self.done(ANNA, "POST", f"/visits/{visit_id}/start", {"dynamic_assessment": YES})
        return visit_id

    async def visit(self, visit_id: str) -> dict[str, Any]:
        """Return where a visit stands, as the administrator reads it."""
        return await self.done(None, "GET", f"/visits/{visit_id}")


async def make_world(installation: Installation, checkin: httpx2.AsyncClient) -> World:
    """Set up the policy, the site, its people and an assessment."""
    world = World(installation, checkin, {})
    await world.done(None, "POST", "/policies", POLICY_1.model_dump(mode="json"))
    for site_id in (SITE, "site2"):
        await world.done(None, "POST", "/sites", {"site_id": site_id, "name": site_id, "policy_id": POLICY})
    await world.person(ANNA, "worker")
    await world.person(BEN, "supervisor")
    await world.person(CARA, "supervisor", site_id="site2")
    assessment = {
        "assessment_id": ASSESSMENT,
        "site_id": SITE,
        "outcome": "acceptable",
        "factors": ["person", "location"],
        "notes": "canary: the dog bites",
    }
    await world.done(BEN, "POST", "/assessments", assessment)
    return world
