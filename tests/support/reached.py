"""What reached people, as the sinks' own files tell it, and what people do about it: open a link, answer a webhook."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks import Webhook

from deploy.sinks import MailSink, Sink
from tests.support.waiting import until

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
    """Return what the webhook sink's file holds for the people of a site, in the order of arrival.

    One call may carry many: each is told by itself.
    """
    told = []
    for line in map(json.loads, sink.path.read_text().splitlines()):
        worker_id = line["path"].strip("/")
        if worker_id.startswith(f"{site_id}-"):
            who, content = worker_id.removeprefix(f"{site_id}-"), line["body"]["data"]
            at = datetime.fromisoformat(line["at"])
            each = content.get("notifications", [content])
            told += [Told(at, who, data["kind"], data["visit_id"], data) for data in each]
    return told


def mails_to(sink: MailSink, worker_id: str) -> list[Mapping[str, Any]]:
    """Return the mails that reached somebody, in the order of arrival."""
    mails = map(json.loads, sink.path.read_text().splitlines())
    return [mail for mail in mails if mail["to"].partition("@")[0] == worker_id]


async def press(link: str, action: str, **fields: str) -> str:
    """Open a link as a browser does, press one of its buttons, and return the page that follows.

    Whoever gets no answer loads again, and the browser sends the same press again.
    """
    async with httpx2.AsyncClient(timeout=20, trust_env=False, follow_redirects=True) as browser:
        page = await _answered(lambda: browser.get(link))
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        return await _answered(lambda: browser.post(link, data={**hidden, "action": action, **fields}))


async def _answered(send: Callable[[], Awaitable[httpx2.Response]]) -> str:
    """Send until somebody answers; return the page."""
    pages: list[str] = []

    async def answered() -> bool:
        with suppress(httpx2.TransportError):
            response = await send()
            if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                assert response.is_success, response.text
                pages.append(response.text)
        return bool(pages)

    await until(answered, within=30)
    return pages[0]


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
