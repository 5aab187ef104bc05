"""What reached people, as the sinks' own files tell it, and what people do about it: open a link, answer a webhook."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks import Webhook

from deploy.sinks import MailSink, Sink

WEBHOOK_SECRET = "whsec_" + "b2Ygc3lzdGVtIHRlc3RzLCBub3RoaW5nIGVsc2U="
"""What signs the system tests' webhooks in both directions."""


@dataclass(frozen=True)
class Told:
    """A webhook that reached somebody."""

    at: datetime
    who: str
    kind: str
    visit_id: str | None
    data: Mapping[str, Any]


def read_told(sink: Sink, site_id: str) -> list[Told]:
    """Return what the webhook sink's file holds for the people of a site, in the order of arrival."""
    told = []
    for line in map(json.loads, sink.path.read_text().splitlines()):
        worker_id = line["path"].strip("/")
        if worker_id.startswith(f"{site_id}-"):
            data = line["body"]["data"]
            who = worker_id.removeprefix(f"{site_id}-")
            told.append(Told(datetime.fromisoformat(line["at"]), who, data["kind"], data["visit_id"], data))
    return told


def mails_to(sink: MailSink, worker_id: str) -> list[Mapping[str, Any]]:
    """Return the mails that reached somebody, in the order of arrival."""
    mails = map(json.loads, sink.path.read_text().splitlines())
    return [mail for mail in mails if mail["to"].partition("@")[0] == worker_id]


async def press(link: str, action: str, **fields: str) -> str:
    """Open a link as a browser does, press one of its buttons, and return the page that follows."""
    async with httpx2.AsyncClient(timeout=20, trust_env=False, follow_redirects=True) as browser:
        page = await browser.get(link)
        assert page.is_success, page.text
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        pressed = await browser.post(link, data={**hidden, "action": action, **fields})
        assert pressed.is_success, pressed.text
        return pressed.text


async def reply(told: Told) -> None:
    """Acknowledge a message in the way that its webhook says, signed with the shared secret."""
    message_id = told.data["message_id"]
    content = json.dumps({"type": "reply", "data": {"message_id": message_id, "reply": "acknowledge"}})
    now, reply_id = datetime.now(UTC), f"reply-{message_id}"
    headers = {
        "webhook-id": reply_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign(reply_id, now, content),
        "content-type": "application/json",
    }
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as phone:
        answered = await phone.post(told.data["reply"]["url"], content=content, headers=headers)
        assert answered.is_success, answered.text
