"""Read what clients, sinks and tests wrote down: JSON lines. Raises ValueError for a line that is not as agreed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.checker.evidence import Arrival, Line
from tests.faults.checker.history import instant


def _lines(path: Path) -> Iterator[Any]:
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if text.strip():
            try:
                yield json.loads(text)
            except ValueError as error:
                message = f"line {number} of {path.name} is no JSON: {error}"
                raise ValueError(message) from error


def read_journal(path: Path) -> tuple[Line, ...]:
    """Read a client's journal, as tests/support/journal.py writes it."""
    return tuple(
        Line(
            operation=found["operation"],
            source=found["source"],
            id=found["id"],
            visit_id=found["visit_id"],
            sent_at=instant(found["sent_at"]),
            answered_at=None if found["answered_at"] is None else instant(found["answered_at"]),
            status=found["status"],
            answer=found["answer"] or {},
        )
        for found in _lines(path)
    )


def read_arrivals(path: Path) -> tuple[Arrival, ...]:
    """Read a sink's file. A mail's ``<message@host>`` (RFC 5322, 3.6.4) is the message id before the at sign."""
    return tuple(
        Arrival(
            at=instant(found["at"]),
            channel=found["channel"],
            message_id=(found["message_id"] or "").strip("<> ").partition("@")[0],
            outcome=found["outcome"],
        )
        for found in _lines(path)
    )


def read_outages(path: Path) -> tuple[tuple[datetime, datetime], ...]:
    """Read outages: a line each, ``{"from": …, "to": …}``, in the log's time."""
    return tuple((instant(found["from"]), instant(found["to"])) for found in _lines(path))
