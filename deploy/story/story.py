"""What every story of the demo has in common: a site under a policy, its people, their visits, and time that runs faster.

Speaks HTTP like anybody else. What the people of one policy go through stands in a module for each.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from deploy.client import Client
from deploy.policy.files import scaled
from deploy.story.messages import WEBHOOK_SECRET
from deploy.story.stage import SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deploy.story.messages import Messages
    from deploy.story.stage import Person, Stage
    from shared.contracts.policy import Policy

_LOOK_EVERY = 0.1


class Story(ABC):
    """Plays visits of one site, at ``speed`` times the policy's pace."""

    NAME: ClassVar[str]
    """By which name the policy and its story are asked for."""
    CHOICES: ClassVar[Mapping[tuple[str, str], frozenset[str]]]
    """The tasks that its people do, by trigger and key of the step, with the outcomes that they choose."""
    PEOPLE: ClassVar[tuple[Person, ...]]
    APPROVER: ClassVar[str]

    def __init__(self, stage: Stage, messages: Messages, say: Callable[[str], None]) -> None:
        self._stage = stage
        self.messages = messages
        self.say = say
        self.admin = Client(stage.url, stage.admin)
        self.clients: dict[str, Client] = {}
        """Each person's own, by their id."""
        self._assessment = ""
        self._questions: dict[str, bool] = {}
        self.visits: dict[str, str] = {}
        """Visit id to outcome."""

    async def prepare(self, policy: Policy) -> Policy:
        """Adopt the scaled policy, register the site and its people, give roles, record the assessment."""
        self.policy = policy = scaled(policy, self._stage.speed)
        await self.admin.post("/checkin/policies", policy.model_dump(mode="json"))
        await self.admin.post("/checkin/sites", {"site_id": SITE, "name": "Riverside", "policy_id": policy.policy_id})
        for person in self.PEOPLE:
            await self._register(person)
        assessment = {
            "site_id": SITE,
            "outcome": "acceptable",
            "factors": list(policy.gate.factors),
            "controls": ["phone carried", "door kept open"],
            "assessed_by": [self.APPROVER, "ada"],
        }
        self._assessment = (await self.admin.post("/checkin/assessments", assessment))["assessment_id"]
        self._questions = dict.fromkeys(policy.gate.dynamic_questions, True)
        return policy

    @classmethod
    def lacks(cls, policy: Policy) -> Iterator[str]:
        """Say what a policy would have to have for this story to be played under it."""
        ladders = {ladder.trigger: ladder for ladder in policy.ladders}
        for (trigger, key), outcomes in cls.CHOICES.items():
            steps = ladders[trigger].steps if trigger in ladders else ()
            task = next((step.task for step in steps if step.key == key), None)
            if task is None:
                yield f"the task {key!r} in its ladder for {trigger!r}"
            else:
                yield from (f"the outcome {one!r} of {key!r}" for one in sorted(outcomes) if task.outcome(one) is None)

    @abstractmethod
    async def play(self) -> None:
        """Play all visits at once."""

    async def close(self) -> None:
        """Close every client."""
        for client in (self.admin, *self.clients.values()):
            await client.__aexit__()

    async def _register(self, person: Person) -> None:
        worker_id = person.worker_id
        await self.admin.post("/checkin/workers", {"worker_id": worker_id, "site_id": SITE, "name": person.name})
        points: list[dict[str, Any]] = [{"channel": "mail", "address": f"{worker_id}@{self._stage.mail_host}"}]
        if person.role != "worker":
            address = f"{self._stage.webhook}/{worker_id}"
            points.append({"channel": "webhook", "address": address, "secret": WEBHOOK_SECRET})
        await self.admin.put(f"/checkin/workers/{worker_id}/contact-points", {"contact_points": points})
        await self.admin.post(f"/checkin/sites/{SITE}/grants", {"worker_id": worker_id, "role": person.role})
        issued = await self.admin.post(f"/checkin/workers/{worker_id}/tokens")
        self.clients[worker_id] = Client(self._stage.url, issued["token"])

    async def start(self, worker_id: str, place: str, ends_in: timedelta, **plan: Any) -> str:
        """Plan a visit, have it approved, and start it."""
        now = datetime.now(UTC)
        client = self.clients[worker_id]
        body = {
            "site_id": SITE,
            "worker_id": worker_id,
            "starts_at": now.isoformat(),
            "expected_end_at": (now + self.scaled(ends_in)).isoformat(),
            "assessment_id": self._assessment,
            "place": place,
            **plan,
        }
        visit_id: str = (await client.post("/checkin/visits", body))["visit_id"]
        await self.clients[self.APPROVER].post(f"/checkin/visits/{visit_id}/approval")
        await client.post(f"/checkin/visits/{visit_id}/start", {"dynamic_assessment": self._questions})
        self.say(f"{worker_id} starts a visit ({visit_id}), approved by {self.APPROVER}")
        return visit_id

    async def reports(self, worker_id: str, visit_id: str, went: str = "well") -> None:
        """Report how the visit went, as the policy wants it of everybody: nobody is reminded of it later."""
        await self.clients[worker_id].post(f"/checkin/visits/{visit_id}/report", {"went": went})
        self.say(f"{worker_id} reports how it went: {went}")

    async def watch_resumed(self, visit_id: str) -> None:
        """Wait until the visit has a next check-in again."""
        visit = await self.admin.get(f"/checkin/visits/{visit_id}")
        while visit["missed"]:
            await asyncio.sleep(_LOOK_EVERY)
            visit = await self.admin.get(f"/checkin/visits/{visit_id}")

    async def wait(self, span: timedelta) -> None:
        """Let time pass, as the policy reckons it."""
        await asyncio.sleep(self.scaled(span).total_seconds())

    def scaled(self, span: timedelta) -> timedelta:
        """Return how long a span lasts here."""
        return span / self._stage.speed

    def every(self, interval: timedelta) -> str:
        """Return a check-in interval that a visit agrees on, as a plan says it."""
        return f"PT{self.scaled(interval).total_seconds():.6f}S"
