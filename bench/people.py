"""A site with one worker on a visit, one supervisor and one lead: set up over HTTP, so that somebody can press for help."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench.provider import SilentError
from deploy.client import Client
from deploy.story.messages import WEBHOOK_SECRET

if TYPE_CHECKING:
    from bench.provider import Provider
    from shared.contracts.policy import Policy

TOLD_WITHIN = 10.0
"""Seconds after which somebody who presses counts as never heard."""

ROLES = {"sam": "supervisor", "hana": "head_of_provision", "dee": "dsl", "ada": "worker"}
"""Who is at every site, and as what."""

LOOKS = 500
"""Looks for that: ten seconds of them."""

_LOOK_EVERY = 0.02


@dataclass(frozen=True)
class Site:
    """One site, its people's clients, and the visit under way."""

    site_id: str
    clients: dict[str, Client]
    visit_id: str

    async def press(self, told: Provider, after: float) -> float:
        """Press after a while, wait for the first byte, and let somebody see to it; return milliseconds between the two."""
        await asyncio.sleep(after)
        known = {one.data["escalation_id"] for one in told.came}
        began = time.perf_counter()
        await self.clients["ada"].post(f"/checkin/visits/{self.visit_id}/help", {"note": "it is out of hand"})
        came = await told.told_of_another(known, TOLD_WITHIN)
        path = f"/escalation/escalations/{came.data['escalation_id']}/resolution"
        await self.clients["sam"].post(path, {"confirmed_by": f"{self.site_id}-sam", "how": "met_in_person"})
        await self._resumed()
        return (came.first_byte - began) * 1000

    async def _resumed(self) -> None:
        """Wait until the visit is watched over again."""
        for _ in range(LOOKS):
            if not (await self.clients["sam"].get(f"/checkin/visits/{self.visit_id}"))["missed"]:
                return
            await asyncio.sleep(_LOOK_EVERY)
        raise SilentError("the watch over a visit did not go on after its call for help was resolved")

    async def close(self) -> None:
        """Close every client."""
        for client in self.clients.values():
            await client.__aexit__()


async def prepare(admin: Client, url: str, told: Provider, policy: Policy, site_id: str) -> Site:
    """Make a site under a policy that is in force, its people, and a visit that is under way."""
    await admin.post("/checkin/sites", {"site_id": site_id, "name": site_id, "policy_id": policy.policy_id})
    clients = {who: await _join(admin, url, told, site_id, who) for who in ROLES}
    assessment: dict[str, Any] = {
        "site_id": site_id,
        "outcome": "acceptable",
        "factors": list(policy.gate.factors),
        "assessed_by": [f"{site_id}-hana"],
    }
    now = datetime.now(UTC)
    plan = {
        "site_id": site_id,
        "worker_id": f"{site_id}-ada",
        "kind": "one_to_one",
        "starts_at": now.isoformat(),
        "expected_end_at": (now + timedelta(hours=3)).isoformat(),
        "assessment_id": (await admin.post("/checkin/assessments", assessment))["assessment_id"],
        "place": "12 Mill Lane",
        "interval": "PT20M",
    }
    visit_id = (await clients["ada"].post("/checkin/visits", plan))["visit_id"]
    await clients["hana"].post(f"/checkin/visits/{visit_id}/approval")
    answers = dict.fromkeys(policy.gate.dynamic_questions, True)
    await clients["ada"].post(f"/checkin/visits/{visit_id}/start", {"dynamic_assessment": answers})
    return Site(site_id, clients, visit_id)


async def _join(admin: Client, url: str, told: Provider, site_id: str, who: str) -> Client:
    """Register somebody; whoever watches is told by webhook, everybody by mail."""
    worker_id = f"{site_id}-{who}"
    await admin.post("/checkin/workers", {"worker_id": worker_id, "site_id": site_id, "name": f"{who.title()} Byrne"})
    points = [{"channel": "mail", "address": f"{worker_id}@example.org"}]
    if who != "ada":
        points.append({"channel": "webhook", "address": f"{told.url}/{worker_id}", "secret": WEBHOOK_SECRET})
    await admin.put(f"/checkin/workers/{worker_id}/contact-points", {"contact_points": points})
    await admin.post(f"/checkin/sites/{site_id}/grants", {"worker_id": worker_id, "role": ROLES[who]})
    return Client(url, (await admin.post(f"/checkin/workers/{worker_id}/tokens"))["token"])
