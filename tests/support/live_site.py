"""A site of a whole Lonewatch and its people: set up by an administrator, each with a token and ways to be reached.

Speaks HTTP as phones and desks do; whoever gets no answer sends the same again. Knows no story.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2

from shared.contracts.policy import Policy
from shared.runtime.ids import new_id
from tests.support.journal import Journal
from tests.support.live import Live
from tests.support.operator_policy import policy
from tests.support.reached import WEBHOOK_SECRET
from tests.support.waiting import until

ADA, SAM, HANA, DEE = "ada", "sam", "hana", "dee"
ROLES = {SAM: "supervisor", HANA: "head_of_provision", DEE: "dsl", ADA: "worker"}
"""Who is at every site, and as what."""

UNAVAILABLE = 503

REPEATED_WITHIN = 30.0
"""Seconds for which a person presses the same button again while nobody answers: longer than any restart."""


@dataclass
class LiveSite:
    """A site and its people."""

    live: Live
    site_id: str
    people: dict[str, Journal] = field(default_factory=dict)
    policy: Policy = field(default_factory=policy)
    assessment_id: str = ""

    async def adopt(self, rules: Policy) -> None:
        """Let the site follow these rules for whatever is planned from now on."""
        self.policy = rules.model_copy(update={"policy_id": f"policy-{self.site_id}"})
        await self.live.admin.post("/checkin/policies", self.policy.model_dump(mode="json"))

    async def prepare(self) -> None:
        """Make the site, its people and an assessment."""
        await self.adopt(self.policy)
        site = {"site_id": self.site_id, "name": self.site_id, "policy_id": self.policy.policy_id}
        await self.live.admin.post("/checkin/sites", site)
        for name, role in ROLES.items():
            await self._join(name, role)
        assessment = {
            "site_id": self.site_id,
            "outcome": "acceptable",
            "factors": list(self.policy.gate.factors),
            "assessed_by": [self.id_of(HANA)],
        }
        self.assessment_id = (await self.live.admin.post("/checkin/assessments", assessment))["assessment_id"]

    async def unreachable(self) -> None:
        """Take away every way to reach the people of the site: ladders run and tell nobody."""
        for name in ROLES:
            await self.live.admin.put(f"/checkin/workers/{self.id_of(name)}/contact-points", {"contact_points": []})

    async def close(self) -> None:
        """Hang up."""
        for journal in self.people.values():
            await journal.client.aclose()

    def id_of(self, name: str) -> str:
        """Return the worker id of somebody of this site."""
        return f"{self.site_id}-{name}"

    async def answer(
        self, who: str, operation: str, path: str, body: dict[str, Any] | None = None, visit_id: str | None = None
    ) -> httpx2.Response:
        """Send a command until somebody answers, each time with the same key; return the answer."""
        key, found = new_id(), list[httpx2.Response]()

        async def answered() -> bool:
            response = await self.people[who].send(operation, path, body, key=key, visit_id=visit_id)
            if response is not None and response.status_code != UNAVAILABLE:
                found.append(response)
            return bool(found)

        await until(answered, REPEATED_WITHIN)
        return found[0]

    async def do(self, who: str, operation: str, visit_id: str, what: str, **body: Any) -> dict[str, Any]:
        """Send a command about a visit that must be accepted; return its answer."""
        response = await self.answer(who, operation, f"/checkin/visits/{visit_id}/{what}", body, visit_id)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def _join(self, name: str, role: str) -> None:
        admin, worker_id = self.live.admin, self.id_of(name)
        await admin.post(
            "/checkin/workers", {"worker_id": worker_id, "site_id": self.site_id, "name": f"{name.title()} Byrne"}
        )
        points = [{"channel": "mail", "address": f"{worker_id}@example.org"}]
        if role != "worker":
            webhook = f"{self.live.webhook.url}/{worker_id}"
            points.append({"channel": "webhook", "address": webhook, "secret": WEBHOOK_SECRET})
        await admin.put(f"/checkin/workers/{worker_id}/contact-points", {"contact_points": points})
        await admin.post(f"/checkin/sites/{self.site_id}/grants", {"worker_id": worker_id, "role": role})
        token = (await admin.post(f"/checkin/workers/{worker_id}/tokens"))["token"]
        client = httpx2.AsyncClient(
            base_url=self.live.url, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        )
        self.people[name] = Journal(client, worker_id, self.live.journal)
