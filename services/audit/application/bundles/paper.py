"""The timeline as a page that stands alone: to read on any screen and to print. No script, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.audit.domain.text import (
    MARKS,
    device_says,
    escalation_sentence,
    name_of,
    opened,
    printable,
    read_instant,
    task_sentence,
    unreadable,
)
from shared.runtime.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from services.audit.domain.bundling import Bundled

_pages = Pages(Path(__file__).parents[2] / "templates")


def timeline_page(told: Mapping[str, Any], checkpoint: Mapping[str, Any], records: Sequence[Bundled]) -> bytes:
    """Return ``timeline.html`` for a timeline as it is answered in JSON."""
    page = _pages.text(
        "bundle_timeline.html",
        told=told,
        worker=name_of(told, told["summary"]["worker_id"]),
        read_at=f"{read_instant(told['now']):%Y-%m-%d %H:%M:%S}",
        missing=unreadable(told["unreadable"]),
        escalations=[
            (escalation_sentence(one), [task_sentence(told, task) for task in one.get("tasks", ())])
            for one in told["summary"]["escalations"]
        ],
        days=list(_days(told)),
        checkpoint=checkpoint,
        records=records,
    )
    return page.encode("utf-8", "replace")


def _days(told: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each day with its lines."""
    day, rows = "", list[dict[str, Any]]()
    for line in told["lines"]:
        at = read_instant(line["recorded_at"] or line["occurred_at"])
        if f"{at:%Y-%m-%d}" != day:
            if rows:
                yield day, rows
            day, rows = f"{at:%Y-%m-%d}", []
        rows.append(_row(line, at))
    if rows:
        yield day, rows


def _row(line: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    happened = line["kind"] == "happened"
    return {
        "time": f"{at:%H:%M:%S}",
        "instant": at.isoformat(timespec="microseconds"),
        "mark": f"#{line['position']}" if happened else f"expected: {MARKS[line['outcome']]}",
        "outcome": line["outcome"] or "happened",
        "index": line["position"] - 1 if happened else None,
        "sentence": printable(f"{line['sentence']}{device_says(line, at)}{opened(line)}"),
        "rules": [*line["clauses"], *line["requirements"], *(["default of ours"] if line["ours"] else [])],
    }
