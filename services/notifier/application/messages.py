"""What is said: one text for each kind of notification, and one for a call that carries many. Does no IO but reading templates.

Names and links come in opened; what leaves here goes into an Outgoing and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notifier.domain import ANSWERABLE
from shared.contracts.ladders import GRAVITY
from shared.runtime.records import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.notifier.application.attempts import Sought
    from shared.contracts.notifications import NotificationQueued

SOMEBODY = "Somebody whose name cannot be read"
"""Stands for a worker whom nothing readable names."""

_PREFIX = "Lonewatch: "
"""Begins every subject, so that people know whom it is from."""

_CALM = {"all_clear": -3, "test": -2, "reminder": -1}
"""Kinds that come below every alarm in a call that carries many."""

_GAPS = re.compile(r"\n{3,}")
"""What the parts of a text that do not apply leave behind."""

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True)
class Said:
    """What one notification says to one person."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    link: str | None = field(repr=False)
    when: str = ""
    gravity: int = 0
    ours: bool = False
    """Whether Lonewatch itself was away when it fell due."""

    @property
    def what(self) -> str:
        """Return the subject as one entry among many says it."""
        return self.subject.removeprefix(_PREFIX)


class Messages:
    """Knows every text."""

    def __init__(self, public_url: str) -> None:
        """Addresses for replies begin with ``public_url``."""
        self._public_url = public_url.rstrip("/")
        self._texts = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701 -- plain text, for mail and for JSON
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def say(self, queued: NotificationQueued, worker: str, link: str | None) -> Said:
        """Return what one notification says: the first line of its kind's template is the subject."""
        trouble = queued.trouble
        subject, text = self._render(
            f"{queued.kind}.txt",
            worker=worker,
            trigger=queued.trigger,
            due=_time(queued.due_at),
            late=queued.late,
            occasion=queued.occasion,
            concern=None if trouble is None else trouble.concern,
            service="" if trouble is None else trouble.service,
            place="" if trouble is None else trouble.place or "",
            away_from=_time(None if trouble is None else trouble.from_at),
            away_to=_time(None if trouble is None else trouble.to_at),
        )
        gravity = _CALM.get(queued.kind, GRAVITY.get(queued.trigger or "", max(GRAVITY.values())))
        return Said(subject, text, link, _time(queued.due_at), gravity, ours=queued.late == "system_outage")

    def bundle(self, said: Sequence[Said]) -> Said:
        """Return what a call says that carries many: how many and the gravest, and each with its own link."""
        entries = sorted(said, key=lambda one: -one.gravity)
        subject, text = self._render("bundle.txt", entries=entries, alarming=entries[0].gravity >= 0)
        return Said(subject, text, None)

    def payload(self, call_id: str, carried: Sequence[Sought], said: Sequence[Said], whole: Said) -> dict[str, Any]:
        """Return what a webhook receives: ids and instants for machines, and the text for whoever they show it to."""
        each = [self._data(one, its) for one, its in zip(carried, said, strict=True)]
        at = instant(max(one.recorded.recorded_at for one in carried))
        if len(each) == 1:
            return {"type": "lonewatch.notification", "timestamp": at, "data": each[0]}
        data = {"call_id": call_id, "text": whole.text, "notifications": each}
        return {"type": "lonewatch.notifications", "timestamp": at, "data": data}

    def _render(self, template: str, **values: object) -> tuple[str, str]:
        rendered = self._texts.get_template(template).render(values)
        subject, _, text = rendered.strip().partition("\n")
        return subject, _GAPS.sub("\n\n", text.strip())

    def _data(self, sought: Sought, said: Said) -> dict[str, Any]:
        queued = sought.queued
        reply = {
            "url": f"{self._public_url}/notifier/replies",
            "how": (
                'To acknowledge, POST {"type":"reply","data":{"message_id":"…","reply":"acknowledge"}} to this url, '
                "signed as Standard Webhooks with the secret of this webhook and a webhook-id of your own."
            ),
        }
        return {
            "message_id": sought.message.message_id,
            "notification_id": queued.notification_id,
            "kind": queued.kind,
            "escalation_id": queued.escalation_id,
            "trigger": queued.trigger,
            "visit_id": sought.envelope.visit_id,
            "due_at": queued.due_at and instant(queued.due_at),
            "late": queued.late,
            "trouble": None if queued.trouble is None else queued.trouble.model_dump(mode="json"),
            "occasion": queued.occasion,
            "text": said.text,
            "link": said.link,
            "reply": reply if queued.kind in ANSWERABLE else None,
        }


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%H:%M} UTC ({at.astimezone(UTC):%Y-%m-%d})"
