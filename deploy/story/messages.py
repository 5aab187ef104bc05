"""What reached the people of a story, and how they act on it: a link in a mail, a webhook that is answered.

Reads what arrives at the demo's own mail server and web server; knows no policy and no database.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import httpx2
from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WEBHOOK_SECRET = "whsec_" + "bG9uZXdhdGNoIGRlbW8gc2VjcmV0IG9ubHkh"
"""What signs the demo's webhooks in both directions."""

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass(frozen=True)
class Arrival:
    """A message that reached somebody's mailbox or webhook."""

    arrived_at: datetime
    channel: str
    to: str
    text: str
    data: Mapping[str, Any]

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

    @property
    def each(self) -> tuple[Mapping[str, Any], ...]:
        """What a webhook says, one by one: a call may carry many notifications."""
        return tuple(self.data.get("notifications", (self.data,)))

    @property
    def headline(self) -> str:
        """What it says in one line: its first sentence, and what it gives somebody to do."""
        to_do = [name for one in self.each if (name := _task_of(one))]
        return f"{self.text.splitlines()[0]} To do: {'; '.join(to_do)}" if to_do else self.text.splitlines()[0]


def _ignore(_: Arrival) -> None:
    """Show nobody what arrives."""


@dataclass
class Messages:
    """All that has arrived, in order. ``mail`` and ``webhook`` take a line of the servers' files each."""

    show: Callable[[Arrival], None] = _ignore
    arrivals: list[Arrival] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def mail(self, line: Mapping[str, Any]) -> None:
        """Take in a mail."""
        self._take(Arrival.of_mail(line))

    def webhook(self, line: Mapping[str, Any]) -> None:
        """Take in the call of a webhook."""
        self._take(Arrival.of_webhook(line))

    async def told(self, who: str, visit_id: str, task: str | None = None) -> Mapping[str, Any]:
        """Wait until somebody's webhook was told of a visit, or offered a task of that name; return all that it said of it."""
        while True:
            for one in self.arrivals:
                if one.channel == "webhook" and one.to == who:
                    for told in one.each:
                        if told.get("visit_id") == visit_id and task in (None, _task_of(told)):
                            return told
            await self._next()

    async def link(self, who: str, visit_id: str) -> str:
        """Wait until somebody was told of a visit by webhook, and by mail too; return the link of both."""
        return await self.mailed(who, str((await self.told(who, visit_id))["link"]))

    async def mailed(self, who: str, link: str) -> str:
        """Wait until somebody has a mail with this link; return the link."""
        while True:
            for one in self.arrivals:
                if one.channel == "mail" and one.to.startswith(f"{who}@") and link in one.text:
                    return link
            await self._next()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _take(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self._news.set()
        self.show(arrival)


def _task_of(told: Mapping[str, Any]) -> str | None:
    """Return the name of the task that is offered, if one is and its name is known."""
    offered = told.get("task")
    return None if offered is None else offered["name"]


async def press(link: str, action: str, **fields: str) -> str:
    """Open a link as a browser would, press one of its buttons, and return the page that follows."""
    async with httpx2.AsyncClient(timeout=20, trust_env=False, follow_redirects=True) as browser:
        page = await browser.get(link)
        page.raise_for_status()
        pressed = await browser.post(link, data={**dict(_HIDDEN.findall(page.text)), "action": action, **fields})
        pressed.raise_for_status()
        return pressed.text


async def reply(told: Mapping[str, Any]) -> None:
    """Answer a webhook in the way that its body says, signed with the shared secret."""
    message_id = told["message_id"]
    content = json.dumps({"type": "reply", "data": {"message_id": message_id, "reply": "acknowledge"}})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": f"reply-{message_id}",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign(f"reply-{message_id}", now, content),
        "content-type": "application/json",
    }
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as phone:
        answered = await phone.post(told["reply"]["url"], content=content, headers=headers)
        answered.raise_for_status()
