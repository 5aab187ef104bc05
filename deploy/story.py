"""The demo's story: a site, its people, and three visits that go differently. Speaks HTTP like anybody else.

People act on what reaches them: a link in a mail, a webhook that is answered. Nothing is read from the database.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import httpx2
from standardwebhooks import Webhook

from deploy.client import Client
from deploy.policy_files import load_policy, scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shared.contracts.policy import Policy

WEBHOOK_SECRET = "whsec_" + "bG9uZXdhdGNoIGRlbW8gc2VjcmV0IG9ubHkh"
"""What signs the demo's webhooks in both directions."""

INTERVAL = timedelta(minutes=20)
"""The check-in interval that the demo's visits agree on, before scaling: shorter than the policy's longest."""

_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Arrival:
    """A message that reached somebody's mailbox or webhook."""

    arrived_at: datetime
    channel: str
    to: str
    text: str
    data: dict[str, Any]

    @classmethod
    def of_mail(cls, line: Mapping[str, Any]) -> Self:
        """Return what a line of the mail server's file tells."""
        text = f"{line['subject']}\n{line['body']}"
        return cls(datetime.fromisoformat(line["at"]), "mail", line["to"], text, {})

    @classmethod
    def of_webhook(cls, line: Mapping[str, Any]) -> Self:
        """Return what a line of the web server's file tells; who is called stands in the path."""
        data = line["body"].get("data", {})
        who = line["path"].strip("/")
        return cls(datetime.fromisoformat(line["at"]), "webhook", who, data.get("text", ""), data)


class Story:
    """Plays the three visits at one site, at ``speed`` times the policy's pace."""

    def __init__(
        self,
        url: str,
        admin: str,
        speed: float,
        mail: str,
        webhook: str,
        arrivals: list[Arrival],
        say: Callable[[str], None],
    ) -> None:
        self._url = url
        self._admin = Client(url, admin)
        self._speed = speed
        self._mail_host = mail
        self._webhook = webhook
        self._arrivals = arrivals
        self._say = say
        self._clients: dict[str, Client] = {}
        self._assessment = ""
        self.visits: dict[str, str] = {}
        """Visit id to outcome."""

    async def prepare(self, policy_file: Path) -> Policy:
        """Adopt the scaled policy, register the site and its people, give roles, record the assessment."""
        policy = scaled(load_policy(policy_file), self._speed)
        await self._admin.post("/checkin/policies", policy.model_dump(mode="json"))
        await self._admin.post(
            "/checkin/sites", {"site_id": "riverside", "name": "Riverside", "policy_id": policy.policy_id}
        )
        for worker_id, name, role in (
            ("sam", "Sam Okafor", "supervisor"),
            ("hana", "Hana Lindqvist", "head_of_provision"),
            ("dee", "Dee Marsh", "dsl"),
            ("ada", "Ada Byrne", "worker"),
            ("ben", "Ben Castle", "worker"),
            ("cleo", "Cleo Dunn", "worker"),
        ):
            await self._register(worker_id, name, role)
        recorded = await self._admin.post(
            "/checkin/assessments",
            {
                "site_id": "riverside",
                "outcome": "acceptable",
                "factors": list(policy.gate.factors),
                "controls": ["phone carried", "door kept open"],
                "assessed_by": ["hana", "ada"],
            },
        )
        self._assessment = recorded["assessment_id"]
        self._questions = dict.fromkeys(policy.gate.dynamic_questions, True)
        return policy

    async def play(self) -> None:
        """Play the three visits at once."""
        await asyncio.gather(self._ends_well(), self._is_missed(), self._asks_for_help())

    async def close(self) -> None:
        """Close every client."""
        for client in (self._admin, *self._clients.values()):
            await client.__aexit__()

    async def _register(self, worker_id: str, name: str, role: str) -> None:
        await self._admin.post("/checkin/workers", {"worker_id": worker_id, "site_id": "riverside", "name": name})
        points: list[dict[str, Any]] = [{"channel": "mail", "address": f"{worker_id}@{self._mail_host}"}]
        if role != "worker":
            points.append({"channel": "webhook", "address": f"{self._webhook}/{worker_id}", "secret": WEBHOOK_SECRET})
        await self._admin.put(f"/checkin/workers/{worker_id}/contact-points", {"contact_points": points})
        await self._admin.post("/checkin/sites/riverside/grants", {"worker_id": worker_id, "role": role})
        issued = await self._admin.post(f"/checkin/workers/{worker_id}/tokens")
        self._clients[worker_id] = Client(self._url, issued["token"])

    async def _start(self, worker_id: str, place: str) -> str:
        """Plan a visit, have it approved by the head of provision, and start it."""
        now = datetime.now(UTC)
        client = self._clients[worker_id]
        planned = await client.post(
            "/checkin/visits",
            {
                "site_id": "riverside",
                "worker_id": worker_id,
                "kind": "one_to_one",
                "starts_at": now.isoformat(),
                "expected_end_at": (now + self._scaled(timedelta(hours=3))).isoformat(),
                "interval": f"PT{self._scaled(INTERVAL).total_seconds():.6f}S",
                "assessment_id": self._assessment,
                "place": place,
            },
        )
        visit_id: str = planned["visit_id"]
        await self._clients["hana"].post(f"/checkin/visits/{visit_id}/approval")
        await client.post(f"/checkin/visits/{visit_id}/start", {"dynamic_assessment": self._questions})
        self._say(f"{worker_id} starts a visit ({visit_id}), approved by hana")
        return visit_id

    async def _ends_well(self) -> None:
        visit_id = await self._start("ada", "12 Mill Lane")
        await self._wait(timedelta(minutes=12))
        later = datetime.now(UTC) + self._scaled(timedelta(hours=4))
        await self._clients["ada"].post(
            f"/checkin/visits/{visit_id}/extensions", {"expected_end_at": later.isoformat()}
        )
        self._say("ada gives a new expected end")
        await self._wait(timedelta(minutes=10))
        await self._clients["ada"].post(f"/checkin/visits/{visit_id}/check-ins")
        self._say("ada checks in")
        await self._wait(timedelta(minutes=5))
        await self._clients["ada"].post(f"/checkin/visits/{visit_id}/end")
        self._say("ada reports the end")
        await self._reports("ada", visit_id)
        self.visits[visit_id] = "ended_well"

    async def _is_missed(self) -> None:
        visit_id = await self._start("ben", "Flat 3, Quay House")
        self._say("ben will not check in; sam will be told and will not answer")
        link = await self._link_for("hana", visit_id)
        self._say("hana opens the link in her mail and takes it")
        await self._press(link, "acknowledge")
        await self._wait(timedelta(minutes=2))
        self._say("hana has reached ben: he is safe, his phone was flat")
        await self._press(link, "resolve", how="spoke_with_worker", confirmed="yes")
        await self._watch_resumed(visit_id)
        await self._clients["ben"].post(f"/checkin/visits/{visit_id}/check-ins")
        self._say("the watch goes on; ben checks in")
        await self._clients["ben"].post(f"/checkin/visits/{visit_id}/end")
        await self._reports("ben", visit_id)
        self.visits[visit_id] = "missed_then_safe"

    async def _asks_for_help(self) -> None:
        visit_id = await self._start("cleo", "Annex, room 2")
        await self._wait(timedelta(minutes=5))
        await self._clients["cleo"].post(f"/checkin/visits/{visit_id}/help", {"note": "the situation is out of hand"})
        self._say("cleo asks for help")
        arrival = await self._arrival("webhook", "sam", visit_id)
        for told in ("hana", "sam"):  # by mail too: who takes it sooner stops what is not sent yet
            await self._link_for(told, visit_id)
        self._say("sam answers the webhook: he has taken it")
        await self._reply(arrival)
        await self._wait(timedelta(minutes=3))
        found = await self._admin.get("/escalation/escalations", site_id="riverside")
        escalation_id = next(one["escalation_id"] for one in found["escalations"] if one["visit_id"] == visit_id)
        await self._clients["sam"].post(
            f"/escalation/escalations/{escalation_id}/resolution", {"confirmed_by": "sam", "how": "met_in_person"}
        )
        self._say("sam is with cleo: she is safe")
        await self._watch_resumed(visit_id)
        await self._clients["cleo"].post(f"/checkin/visits/{visit_id}/end")
        await self._reports("cleo", visit_id, "incident")
        self.visits[visit_id] = "helped"

    async def _reports(self, worker_id: str, visit_id: str, went: str = "well") -> None:
        """Report how the visit went, as the policy wants it of everybody: nobody is reminded of it later."""
        await self._clients[worker_id].post(f"/checkin/visits/{visit_id}/report", {"went": went})
        self._say(f"{worker_id} reports how it went: {went}")

    async def _press(self, link: str, action: str, **fields: str) -> None:
        """Open a link as a browser would, and press one of its buttons."""
        async with httpx2.AsyncClient(timeout=20, trust_env=False, follow_redirects=True) as browser:
            page = await browser.get(link)
            hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            pressed = await browser.post(link, data={**hidden, "action": action, **fields})
            pressed.raise_for_status()

    async def _reply(self, arrival: Arrival) -> None:
        """Answer a webhook in the way that its body says, signed with the shared secret."""
        reply = {"message_id": arrival.data["message_id"], "reply": "acknowledge"}
        content = json.dumps({"type": "reply", "data": reply})
        now = datetime.now(UTC)
        headers = {
            "webhook-id": f"reply-{arrival.data['message_id']}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(WEBHOOK_SECRET).sign(f"reply-{arrival.data['message_id']}", now, content),
            "content-type": "application/json",
        }
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as phone:
            answered = await phone.post(arrival.data["reply"]["url"], content=content, headers=headers)
            answered.raise_for_status()

    async def _link_for(self, worker_id: str, visit_id: str) -> str:
        """Wait for this person's webhook about the visit, then return the link of their mail about the same."""
        told = await self._arrival("webhook", worker_id, visit_id)
        link = str(told.data["link"])
        await self._find(lambda one: one.channel == "mail" and one.to.startswith(worker_id) and link in one.text)
        return link

    async def _arrival(self, channel: str, worker_id: str, visit_id: str) -> Arrival:
        return await self._find(
            lambda one: one.channel == channel and one.to == worker_id and one.data.get("visit_id") == visit_id
        )

    async def _find(self, wanted: Callable[[Arrival], bool]) -> Arrival:
        """Wait until a message has reached somebody."""
        while True:
            for one in self._arrivals:
                if wanted(one):
                    return one
            await asyncio.sleep(_LOOK_EVERY)

    async def _watch_resumed(self, visit_id: str) -> None:
        """Wait until the visit has a next check-in again."""
        visit = await self._admin.get(f"/checkin/visits/{visit_id}")
        while visit["missed"]:
            await asyncio.sleep(_LOOK_EVERY)
            visit = await self._admin.get(f"/checkin/visits/{visit_id}")

    async def _wait(self, span: timedelta) -> None:
        await asyncio.sleep(self._scaled(span).total_seconds())

    def _scaled(self, span: timedelta) -> timedelta:
        return span / self._speed
