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

MARKS: Mapping[str, str] = {
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
        at = read_instant(line["recorded_at"] or line["occurred_at"])
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
        whose = f"Worker {name_of(timeline, timeline['worker_id'])}, without a visit"
    worker = f", worker {name_of(timeline, summary['worker_id'])}" if "visit_id" in timeline else ""
    site = f", site {summary['site_id']}" if summary["site_id"] else ""
    read = f"As recorded through position {summary['through']}, read at {read_instant(timeline['now']):%Y-%m-%d %H:%M:%S} UTC."
    return [
        *textwrap.wrap(printable(f"{whose}{worker}{site}."), width),
        *textwrap.wrap(read, width),
        *textwrap.wrap(unreadable(timeline.get("unreadable", ())), width),
    ]


def unreadable(positions: Sequence[int]) -> str:
    """Return what is said of records that nobody can read: whoever reads on must know that something is missing."""
    if not positions:
        return ""
    which = ", ".join(f"#{position}" for position in positions)
    return (
        f"NOT ALL OF IT CAN BE READ: what records {which} say is missing here, and what follows may look as it was not."
    )


def name_of(timeline: Mapping[str, Any], worker_id: str | None) -> str:
    """Return the name of somebody whom a timeline speaks of, or their id."""
    return str(timeline["people"].get(worker_id, worker_id or "unknown"))


def _summary(timeline: Mapping[str, Any], width: int) -> Iterator[str]:
    for escalation in timeline["summary"]["escalations"]:
        yield from textwrap.wrap(escalation_sentence(escalation), width, subsequent_indent="  ")
        for task in escalation.get("tasks", ()):
            yield from textwrap.wrap(
                task_sentence(timeline, task), width, initial_indent="  ", subsequent_indent="    "
            )


def escalation_sentence(escalation: Mapping[str, Any]) -> str:
    """Return an escalation at a glance."""
    facts = (
        ("deadline", escalation["due_at"]),
        ("opened", escalation["opened_at"]),
        ("first attempt to tell somebody", escalation["first_attempt_at"]),
        ("acknowledged", escalation["acknowledged_at"]),
        ("resolved", escalation["resolved_at"]),
        ("stood down", escalation["stood_down_at"]),
        ("ended by itself", escalation.get("lapsed_at")),
    )
    said = ", ".join(f"{what} {read_instant(at):%H:%M:%S}" for what, at in facts if at)
    trigger = trigger_words(escalation["trigger"])
    return f"Escalation {escalation['escalation_id']} ({trigger}): {said}; {len(escalation['steps'])} steps started."


def task_sentence(timeline: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    """Return a task at a glance."""
    said = [f"offered {read_instant(task['offered_at']):%H:%M:%S}"]
    if task["taken_at"]:
        said.append(f"taken {read_instant(task['taken_at']):%H:%M:%S} by {name_of(timeline, task['taken_by'])}")
    if task["done_at"]:
        done = f"done {read_instant(task['done_at']):%H:%M:%S} by {name_of(timeline, task['done_by'])}"
        said.append(f"{done}: {task['outcome'].replace('_', ' ')}")
    if task["left_at"]:
        said.append(f"told that the worker left {read_instant(task['left_at']):%H:%M:%S}")
    if task["called_at"]:
        said.append(f"says that emergency services were called {read_instant(task['called_at']):%H:%M:%S}")
    return printable(f"Task {task['ladder_no']}-{task['step']} ({task['name']}): {', '.join(said)}.")


def _line(line: Mapping[str, Any], at: datetime, width: int) -> list[str]:
    mark = f"#{line['position']}" if line["kind"] == "happened" else f"expected {MARKS[line['outcome']]}"
    head = f"  {at:%H:%M:%S}  {mark:<20}"
    return textwrap.wrap(
        printable(f"{line['sentence']}{device_says(line, at)}{opened(line)}{cited(line)}"),
        width,
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def device_says(line: Mapping[str, Any], at: datetime) -> str:
    """Return what the device says, where it differs from the log."""
    claimed = read_instant(line["occurred_at"])
    if line["kind"] == "expected" or abs(claimed - at) <= _DEVICE_DIFFERS:
        return ""
    return (
        f" The device says {claimed:%Y-%m-%d %H:%M:%S}."
        if claimed.date() != at.date()
        else f" The device says {claimed:%H:%M:%S}."
    )


def opened(line: Mapping[str, Any]) -> str:
    """Return the texts that were sealed, as far as they were opened."""
    found = ((name, line["details"].get(name)) for name in ("place", "note", "notes", "reference"))
    return "".join(f" {name.capitalize()}: {value}." for name, value in found if value)


def cited(line: Mapping[str, Any]) -> str:
    """Return which clause required it."""
    rules = [*line["clauses"], *line["requirements"], *(["default of ours"] if line["ours"] else [])]
    return f" [{'; '.join(rules)}]" if rules else ""


def printable(text: str) -> str:
    """Return the text without what would move a terminal's cursor: people wrote parts of it."""
    return "".join(character if character.isprintable() else " " for character in text)


def read_instant(instant: str) -> datetime:
    """Read an instant as it stands on the wire, as UTC."""
    return datetime.fromisoformat(instant).astimezone(UTC)
