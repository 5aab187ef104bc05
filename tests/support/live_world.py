"""One site of a whole Lonewatch, and its people, for one story: what they do, and what reaches them.

Speaks HTTP as phones and desks do, reads the sinks as people read their mail, and waits for what must come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from shared.contracts.policy import Policy
from shared.runtime.ids import new_id
from tests.support.journal import Journal
from tests.support.live import Fact, Live
from tests.support.operator_policy import policy, seconds
from tests.support.reached import WEBHOOK_SECRET, Told, read_told
from tests.support.waiting import until

ADA, SAM, HANA, DEE = "ada", "sam", "hana", "dee"
ROLES = {SAM: "supervisor", HANA: "head_of_provision", DEE: "dsl", ADA: "worker"}
"""Who is at every site, and as what."""

UNAVAILABLE = 503

REPEATED_WITHIN = 30.0
"""Seconds for which a person presses the same button again while nobody answers: longer than any restart."""


@dataclass
class LiveWorld:
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

    async def plan(self, interval: timedelta | None = None, **changes: Any) -> str:
        """Plan a visit of Ada's that begins now; return its id."""
        now = datetime.now(UTC)
        body: dict[str, Any] = {
            "site_id": self.site_id,
            "worker_id": self.id_of(ADA),
            "kind": "one_to_one",
            "starts_at": now.isoformat(),
            "expected_end_at": (now + seconds(3600)).isoformat(),
            "assessment_id": self.assessment_id,
            "place": "12 Mill Lane",
        }
        if interval is not None:
            body["interval"] = f"PT{interval.total_seconds():.6f}S"
        planned = await self.answer(ADA, "plan_visit", "/checkin/visits", body | changes)
        assert planned.is_success, planned.text
        visit_id: str = planned.json()["visit_id"]
        return visit_id

    async def approve(self, visit_id: str) -> None:
        """Let Hana approve a visit."""
        await self.do(HANA, "approve_visit", visit_id, "approval")

    async def start(self, visit_id: str) -> dict[str, Any]:
        """Let Ada start a visit, with every question about the risk on the spot answered yes; return where it stands."""
        answers = dict.fromkeys(self.policy.gate.dynamic_questions, True)
        return await self.do(ADA, "start_visit", visit_id, "start", dynamic_assessment=answers)

    async def start_visit(self, interval: timedelta | None = None) -> str:
        """Plan, approve and start a visit of Ada's; return its id."""
        visit_id = await self.plan(interval)
        await self.approve(visit_id)
        await self.start(visit_id)
        return visit_id

    async def check_in(self, visit_id: str) -> dict[str, Any]:
        """Let Ada check in."""
        return await self.do(ADA, "check_in", visit_id, "check-ins")

    async def end(self, visit_id: str) -> None:
        """Let Ada report the end."""
        await self.do(ADA, "end_visit", visit_id, "end")

    async def visit(self, visit_id: str) -> dict[str, Any]:
        """Return where a visit stands."""
        found: dict[str, Any] = await self.live.admin.get(f"/checkin/visits/{visit_id}")
        return found

    async def timeline(self, visit_id: str) -> dict[str, Any]:
        """Return the timeline of a visit."""
        found: dict[str, Any] = await self.live.admin.get(f"/audit/visits/{visit_id}/timeline")
        return found

    def told(self, visit_id: str) -> list[Told]:
        """Return what reached people about a visit by webhook, in order: who, and why."""
        return [one for one in read_told(self.live.webhook, self.site_id) if one.visit_id == visit_id]

    async def facts(self, visit_id: str, type_: str) -> list[Fact]:
        """Return the events of one type of a visit, in order."""
        return [fact for fact in await self.live.facts(visit_id) if fact.type == type_]

    async def happened(self, visit_id: str, type_: str, times: int = 1, within: float = 20) -> Fact:
        """Wait until a type of event stands in the log so many times for a visit; return the last of them."""
        found: list[Fact] = []

        async def enough() -> bool:
            found[:] = await self.facts(visit_id, type_)
            return len(found) >= times

        await self.wait_for(enough, within, f"{type_} of {visit_id}, {times} times")
        return found[times - 1]

    async def is_told(self, visit_id: str, who: str, kind: str = "step", times: int = 1, within: float = 20) -> Told:
        """Wait until somebody was told of a visit so many times for one reason; return the last of them."""

        def found() -> list[Told]:
            return [one for one in self.told(visit_id) if (one.who, one.kind) == (who, kind)]

        async def enough() -> bool:
            return len(found()) >= times

        await self.wait_for(enough, within, f"{who} is told ({kind}) of {visit_id}, {times} times")
        return found()[times - 1]

    async def wait_for(self, look: Callable[[], Awaitable[object]], within: float, what: str) -> None:
        """Wait until something is true; where it never is, say what was waited for."""
        try:
            await until(look, within)
        except AssertionError as error:
            message = f"{what}: {error}"
            raise AssertionError(message) from None

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
