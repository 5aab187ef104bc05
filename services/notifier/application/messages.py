"""What is said: one text for each kind of notification, and one for a call that carries many. Does no IO but reading templates.

Names and links come in opened; what leaves here goes into an Outgoing and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.contracts.ladders import GRAVITY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

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
    duress: bool = False
    """Whether nobody is to ring the worker."""
    task: str = ""
    """The task that it offers, where it offers one whose name is known."""

    @property
    def what(self) -> str:
        """Return the subject as one entry among many says it."""
        return self.subject.removeprefix(_PREFIX)


class Messages:
    """Knows every text."""

    def __init__(self) -> None:
        """Read templates as they are needed."""
        self._texts = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701 -- plain text, for mail and for JSON
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def say(self, queued: NotificationQueued, worker: str, link: str | None) -> Said:
        """Return what one notification says: the first line of its template is the subject."""
        trouble = queued.trouble
        duress = queued.duress or queued.trigger == "duress"
        subject, text = self._render(
            _template_of(queued),
            worker=worker,
            trigger=queued.trigger,
            due=_time(queued.due_at),
            late=queued.late,
            occasion=queued.occasion,
            duress=duress,
            task=queued.task,
            passed_on=queued.kind == "task",
            passes_on=_time(queued.passes_on_at),
            concern=None if trouble is None else trouble.concern,
            service="" if trouble is None else trouble.service,
            place="" if trouble is None else trouble.place or "",
            away_from=_time(None if trouble is None else trouble.from_at),
            away_to=_time(None if trouble is None else trouble.to_at),
        )
        gravity = _CALM.get(queued.kind, GRAVITY.get(queued.trigger or "", max(GRAVITY.values())))
        return Said(
            subject,
            text,
            link,
            when=_time(queued.due_at),
            gravity=gravity,
            ours=queued.late == "system_outage",
            duress=duress and queued.kind not in _CALM,
            task=queued.task or "",
        )

    def bundle(self, said: Sequence[Said]) -> Said:
        """Return what a call says that carries many: how many and the gravest, and each with its own link."""
        entries = sorted(said, key=lambda one: -one.gravity)
        subject, text = self._render("bundle.txt", entries=entries, alarming=entries[0].gravity >= 0)
        return Said(subject, text, None)

    def _render(self, template: str, **values: object) -> tuple[str, str]:
        rendered = self._texts.get_template(template).render(values)
        subject, _, text = rendered.strip().partition("\n")
        return subject, _GAPS.sub("\n\n", text.strip())


def _template_of(queued: NotificationQueued) -> str:
    """Return which text it is: that a task passed on and that a step offers it is said alike."""
    return "task.txt" if queued.kind == "step" and queued.task is not None else f"{queued.kind}.txt"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%H:%M} UTC ({at.astimezone(UTC):%Y-%m-%d})"
