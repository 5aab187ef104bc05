"""The timeline as text for a terminal or paper: one line after another, wrapped, in the order of the log.

Reads the answer of the service, as JSON; knows no event.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.audit.domain.words import trigger_words

WIDTH = 100
"""Columns, unless somebody says otherwise: fits a terminal beside another window, and a page of paper."""

_NARROWEST = 60
"""Columns below which the sentences would be single words."""

_DEVICE_DIFFERS = timedelta(seconds=1)
"""From here on a claimed instant that differs from the recorded one is shown: below it they say the same to a person."""

_MARKS: Mapping[str, str] = {
    "met": "met",
    "met_late": "MET LATE",
    "missed": "MISSED",
    "open": "open",
    "withdrawn": "withdrawn",
}
"""What became of something expected; what somebody must look into stands in capitals."""

_INDENT = " " * 32
"""Where the sentences begin."""


def timeline_text(timeline: Mapping[str, Any], *, width: int = WIDTH) -> str:
    """Return a timeline, as answered by audit in JSON, as text of at most ``width`` columns (60 at least)."""
    width = max(width, _NARROWEST)
    lines = [*_head(timeline, width), *_summary(timeline, width)]
    day = ""
    for line in timeline["lines"]:
        at = _read(line["recorded_at"] or line["occurred_at"])
        if f"{at:%Y-%m-%d}" != day:
            day = f"{at:%Y-%m-%d}"
            lines += ["", f"{day} (UTC)"]
        lines += _line(line, at, width)
    return "\n".join(lines) + "\n"


def _head(timeline: Mapping[str, Any], width: int) -> list[str]:
    summary = timeline["summary"]
    if "visit_id" in timeline:
        whose = f"Visit {timeline['visit_id']}: {summary['status']}"
    else:
        whose = f"Worker {_name(timeline, timeline['worker_id'])}, without a visit"
    worker = f", worker {_name(timeline, summary['worker_id'])}" if "visit_id" in timeline else ""
    site = f", site {summary['site_id']}" if summary["site_id"] else ""
    read = f"As recorded through position {summary['through']}, read at {_read(timeline['now']):%Y-%m-%d %H:%M:%S} UTC."
    return [
        *textwrap.wrap(_printable(f"{whose}{worker}{site}."), width),
        *textwrap.wrap(read, width),
        *textwrap.wrap(_unreadable(timeline.get("unreadable", ())), width),
    ]


def _unreadable(positions: Sequence[int]) -> str:
    """Return what is said of records that nobody can read: whoever reads on must know that something is missing."""
    if not positions:
        return ""
    which = ", ".join(f"#{position}" for position in positions)
    return (
        f"NOT ALL OF IT CAN BE READ: what records {which} say is missing here, and what follows may look as it was not."
    )


def _name(timeline: Mapping[str, Any], worker_id: str | None) -> str:
    return str(timeline["people"].get(worker_id, worker_id or "unknown"))


def _summary(timeline: Mapping[str, Any], width: int) -> Iterator[str]:
    for escalation in timeline["summary"]["escalations"]:
        facts = (
            ("deadline", escalation["due_at"]),
            ("opened", escalation["opened_at"]),
            ("first attempt to tell somebody", escalation["first_attempt_at"]),
            ("acknowledged", escalation["acknowledged_at"]),
            ("resolved", escalation["resolved_at"]),
            ("stood down", escalation["stood_down_at"]),
            ("ended by itself", escalation.get("lapsed_at")),
        )
        said = ", ".join(f"{what} {_read(at):%H:%M:%S}" for what, at in facts if at)
        trigger = trigger_words(escalation["trigger"])
        steps = f"{len(escalation['steps'])} steps started"
        text = f"Escalation {escalation['escalation_id']} ({trigger}): {said}; {steps}."
        yield from textwrap.wrap(text, width, subsequent_indent="  ")
        for task in escalation.get("tasks", ()):
            yield from textwrap.wrap(_task(timeline, task), width, initial_indent="  ", subsequent_indent="    ")


def _task(timeline: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    """Return a task at a glance."""
    said = [f"offered {_read(task['offered_at']):%H:%M:%S}"]
    if task["taken_at"]:
        said.append(f"taken {_read(task['taken_at']):%H:%M:%S} by {_name(timeline, task['taken_by'])}")
    if task["done_at"]:
        done = f"done {_read(task['done_at']):%H:%M:%S} by {_name(timeline, task['done_by'])}"
        said.append(f"{done}: {task['outcome'].replace('_', ' ')}")
    if task["left_at"]:
        said.append(f"told that the worker left {_read(task['left_at']):%H:%M:%S}")
    if task["called_at"]:
        said.append(f"says that emergency services were called {_read(task['called_at']):%H:%M:%S}")
    return _printable(f"Task {task['ladder_no']}-{task['step']} ({task['name']}): {', '.join(said)}.")


def _line(line: Mapping[str, Any], at: datetime, width: int) -> list[str]:
    mark = f"#{line['position']}" if line["kind"] == "happened" else f"expected {_MARKS[line['outcome']]}"
    head = f"  {at:%H:%M:%S}  {mark:<20}"
    return textwrap.wrap(
        _printable(f"{line['sentence']}{_claim(line, at)}{_open(line)}{_cited(line)}"),
        width,
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _claim(line: Mapping[str, Any], at: datetime) -> str:
    """Return what the device says, where it differs from the log."""
    claimed = _read(line["occurred_at"])
    if line["kind"] == "expected" or abs(claimed - at) <= _DEVICE_DIFFERS:
        return ""
    return (
        f" The device says {claimed:%Y-%m-%d %H:%M:%S}."
        if claimed.date() != at.date()
        else f" The device says {claimed:%H:%M:%S}."
    )


def _open(line: Mapping[str, Any]) -> str:
    """Return the texts that were sealed, as far as they were opened."""
    found = ((name, line["details"].get(name)) for name in ("place", "note", "notes", "reference"))
    return "".join(f" {name.capitalize()}: {value}." for name, value in found if value)


def _cited(line: Mapping[str, Any]) -> str:
    """Return which clause required it."""
    cited = [*line["clauses"], *line["requirements"], *(["default of ours"] if line["ours"] else [])]
    return f" [{'; '.join(cited)}]" if cited else ""


def _printable(text: str) -> str:
    """Return the text without what would move a terminal's cursor: people wrote parts of it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _read(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC)
