"""Words that sentences share: instants, spans, persons and codes as people read them. Always UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.asks import Ask

MARKED = re.compile(r"\{([A-Za-z0-9][A-Za-z0-9_.-]*)\}")
"""A person in a sentence: the worker id in braces, which no id contains."""

SEALED = "(sealed)"
"""Stands for a sealed field in details."""

_SEALED_MEMBERS = {"kid", "nonce", "ct"}


def person(worker_id: str) -> str:
    """Return how a person stands in a sentence until a name is put in."""
    return f"{{{worker_id}}}"


def people(worker_ids: Iterable[str]) -> str:
    """Return several persons as a list."""
    return ", ".join(map(person, worker_ids)) or "nobody"


def told(asks: Iterable[Ask]) -> str:
    """Return who is told, each with the roles that they are told for."""
    return ", ".join(
        person(ask.worker_id) + (f" ({', '.join(plain(role) for role in ask.roles)})" if ask.roles else "")
        for ask in asks
    ) or people(())


def who(actor: str) -> str:
    """Return whoever did something: a person, or the part of the system that did it."""
    if actor.startswith("system:"):
        return f"the system ({actor.removeprefix('system:')})"
    return person(actor) if MARKED.fullmatch(person(actor)) else actor


def plain(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ")


_TRIGGERS: Mapping[str, str] = {
    "unplanned": "unplanned lone working",
    "safeguarding": "a matter of safeguarding",
    "unsafe": "an unsafe place",
    "break_in": "a suspected break-in",
}
"""Triggers whose code alone is no phrase."""


def trigger_words(trigger: str) -> str:
    """Return what opens an escalation, or joins one, as words."""
    return _TRIGGERS.get(trigger, plain(trigger))


def clock(at: datetime, near: datetime) -> str:
    """Return the time of day of an instant, with its date unless that is the date of ``near``."""
    at, near = at.astimezone(UTC), near.astimezone(UTC)
    return at.strftime("%H:%M:%S" if at.date() == near.date() else "%Y-%m-%d %H:%M:%S")


def span(of: timedelta) -> str:
    """Return a span in hours, minutes and seconds; below ten seconds with a tenth."""
    seconds = abs(of.total_seconds())
    if seconds < 10:  # noqa: PLR2004 -- below this a whole second says too little
        return f"{seconds:.1f} s"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def instant(at: datetime) -> str:
    """Write an instant as everywhere on the wire: UTC, microseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def masked(value: Any) -> Any:
    """Return JSON with everything sealed replaced by SEALED."""
    if isinstance(value, Mapping):
        return SEALED if set(value) == _SEALED_MEMBERS else {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
