"""The timeline as it is answered: JSON with names put in and what readers may see opened. Opens nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.audit.domain.lines import Line, Timeline
from services.audit.domain.words import MARKED, instant, person, who

Opened = Mapping[tuple[int, str], str]
"""What was opened, by position and name of the member."""


def people_in(timeline: Timeline) -> tuple[str, ...]:
    """Return the ids of everyone whom a timeline speaks of, in order of their ids."""
    found = {worker_id for line in timeline.lines for worker_id in MARKED.findall(line.sentence)}
    found |= {line.actor for line in timeline.lines if line.actor and who(line.actor) == person(line.actor)}
    return tuple(sorted(found))


def shown(timeline: Timeline, subject: Mapping[str, str], people: Mapping[str, str], opened: Opened) -> dict[str, Any]:
    """Return the answer: ``subject`` (whose timeline it is), the summary, the names of ``people``, and the lines.

    Whoever has no name in ``people`` stands by their id.
    """
    return {
        **subject,
        "now": instant(timeline.now),
        "summary": _plain(asdict(timeline.summary)),
        "people": dict(sorted(people.items())),
        "lines": [_line(line, people, opened) for line in timeline.lines],
    }


def _line(line: Line, people: Mapping[str, str], opened: Opened) -> dict[str, Any]:
    details = {name: opened.get((line.position or 0, name), value) for name, value in line.details.items()}
    return {
        "position": line.position,
        "occurred_at": instant(line.occurred_at),
        "recorded_at": instant(line.recorded_at) if line.recorded_at else None,
        "kind": line.kind,
        "what": line.what,
        "outcome": line.outcome,
        "sentence": MARKED.sub(lambda found: people.get(found[1], found[1]), line.sentence),
        "actor": line.actor,
        "clauses": list(line.clauses),
        "requirements": list(line.requirements),
        "ours": line.ours,
        "details": details,
    }


def _plain(value: Any) -> Any:
    """Return JSON: instants as everywhere on the wire, tuples as lists."""
    match value:
        case datetime():
            return instant(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            return value
