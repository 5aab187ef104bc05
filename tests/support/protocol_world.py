"""The four services on one log whose time is moved, and what happens when a worker does not answer, minute by minute.

Speaks HTTP as people do. Time passes from one deadline to the next, each handled before the next comes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2

from deploy.database import ROOT
from deploy.sinks import WebhookSink
from services.audit.completing import completeness
from tests.faults.checker import check
from tests.support.services import Installation, bearer
from tests.support.waiting import until

WALT = "walt"
"""The worker whom it is about."""

STEPPING_STONES, COMMENCE = "stepping-stones", "commence"

STAFF: Mapping[str, Mapping[str, str]] = {
    COMMENCE: {
        "amy": "administrator",
        "sam": "supervisor",
        "lena": "line_manager",
        "sol": "senior_leader",
        "dee": "dsl",
        WALT: "worker",
    },
    STEPPING_STONES: {
        "sam": "supervisor",
        "hana": "head_of_provision",
        "dee": "dsl",
        "sol": "senior_leader",
        WALT: "worker",
    },
}
"""Who is at a site of each policy, and as what. The operator's own administrator is one everywhere."""

APPROVES = {COMMENCE: "lena", STEPPING_STONES: "hana"}

OPERATOR = "operator"
"""What stories call the operator's administrator."""

MOMENT = timedelta(milliseconds=20)
"""How long after its instant a deadline is looked at: longer than nothing, and far from a minute."""

MOBILE, HOME, CONTACT, AUDITOR = "+44 7700 900001", "+44 1632 960001", "+44 1632 960002", "aud"

NEXT_DEADLINE = "SELECT min(due_at) FROM log.deadline WHERE due_at <= $1"
"""What comes first, up to an instant."""


def rules_of(policy: str) -> dict[str, Any]:
    """Return a policy's file as it stands, read by no code of ours."""
    return tomllib.loads((ROOT / "policies" / f"{policy}.toml").read_text(encoding="utf-8"))


@dataclass
class Protocol:
    """Checkin, escalation, notifier and audit at work, and a number of sites."""

    installation: Installation
    clients: Mapping[str, httpx2.AsyncClient]
    sink: WebhookSink
    sites: int = 0
    made: dict[str, Any] = field(default_factory=dict)
    """The site under each policy that stories share."""

    @property
    def operator(self) -> str:
        """The id of the operator's first administrator."""
        assert self.installation.token is not None
        return sha256(b"first administrator\n" + self.installation.token.encode()).hexdigest()[:32]

    async def send(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx2.Response:
        """Send a request to the service that its path names; by the operator's administrator without a token."""
        client = self.clients[path.split("/")[1]]
        return await client.request(method, path, json=body, headers=bearer(token) if token else {})

    async def done(self, method: str, path: str, body: Any = None, token: str | None = None) -> dict[str, Any]:
        """Send a request that must succeed; return its answer."""
        response = await self.send(method, path, body, token)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    async def adopt(self, rules: Mapping[str, Any]) -> None:
        """Put a policy in force."""
        await self.done("POST", "/checkin/policies", rules)

    async def quiet(self) -> None:
        """Wait until all is applied, nothing is due and no message is on its way."""
        await self.installation.quiet()
        while not await self._nothing_on_its_way():
            await until(self._nothing_on_its_way)
            await self.installation.quiet()

    async def _nothing_on_its_way(self) -> bool:
        count = "SELECT count(*) FROM log.deadline WHERE kind = 'attempt'"
        return not await self.installation.admin.fetchval(count)

    async def reach(self, at: datetime) -> None:
        """Let time pass until an instant, from one deadline to the next."""
        await self.quiet()
        while due := await self.installation.admin.fetchval(NEXT_DEADLINE, at):
            await self.forward_to(due + MOMENT)
            await self.quiet()
        await self.forward_to(at)

    async def forward_to(self, at: datetime) -> None:
        """Move the log's time to an instant, unless it has passed."""
        by = at - await self.installation.clock.now()
        if by > timedelta(0):
            await self.installation.clock.forward(by)

    async def judge(self) -> None:
        """Judge the whole log and what arrived from outside."""
        await self.quiet()
        violations = await check(self.installation.database.admin, sinks=[self.sink.path], clock_moved=True)
        assert not violations, "\n".join(f"{one.invariant}  {one.where}: {one.sentence}" for one in violations)
        incomplete = [
            f"{one.kind}  {one.subject}: {one.sentence}" async for one in completeness(self.installation.admin)
        ]
        assert not incomplete, "\n".join(incomplete)
