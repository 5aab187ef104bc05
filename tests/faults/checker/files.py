"""Read what clients, sinks and tests wrote down: JSON lines. Raises ValueError for a line that is not as agreed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.checker.evidence import Arrival, Line
from tests.faults.checker.history import instant

OUTCOMES = {"accept": "accepted"}
"""What a sink's behaviour makes of a call; every other behaviour is an outcome of its own, and none is acceptance."""


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
    """Read a sink's file, as the sinks write it themselves, or with ``outcome`` in the place of their ``behaviour``."""
    return tuple(
        Arrival(
            at=instant(found["at"]),
            channel=found["channel"],
            message_id=_message_id(found),
            outcome=found["outcome"] if "outcome" in found else OUTCOMES.get(found["behaviour"], found["behaviour"]),
            notification_ids=_carried(found),
        )
        for found in _lines(path)
    )


def _message_id(found: Mapping[str, Any]) -> str:
    """Return which message it was; a mail's ``<message@host>`` (RFC 5322, 3.6.4) names it before the at sign."""
    given = found["message_id"] if "message_id" in found else found["headers"].get("webhook-id", "")
    return str(given).strip("<> ").partition("@")[0]


def _carried(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which notifications a call carried: as the sink says, or as a webhook's body does; none where neither does."""
    if "notification_ids" in found:
        return tuple(map(str, found["notification_ids"]))
    body = found.get("body")
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return ()
    carried = data.get("notifications", [data])
    ids = [one.get("notification_id") for one in carried if isinstance(one, dict)] if isinstance(carried, list) else []
    return tuple(one for one in ids if isinstance(one, str))


def read_heartbeats(path: Path) -> tuple[datetime, ...]:
    """Read the heartbeat sink's file, a line each, ``{"at": …}``; in order."""
    return tuple(sorted(instant(found["at"]) for found in _lines(path)))


def read_outages(path: Path) -> tuple[tuple[datetime, datetime], ...]:
    """Read outages: a line each, ``{"from": …, "to": …}``, in the log's time."""
    return tuple((instant(found["from"]), instant(found["to"])) for found in _lines(path))
