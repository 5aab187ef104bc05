"""How triggers, roles and times are typed for a simulation: spans as ``2m30s``, the moment of the trigger as ``15:30``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import get_args

from shared.contracts.ladders import Trigger
from shared.contracts.policy_words import did_you_mean
from shared.contracts.roles import RESPONDERS, Role

_WHEN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_LONGEST = timedelta(days=366)
"""As long as a span of a policy may be: what comes later is no part of a ladder."""

_YEARS = range(1970, 2970)
"""In these a simulation may take place: what follows the trigger has to fit into the calendar, too."""

SOME_DAY = datetime(2026, 1, 5, tzinfo=UTC)
"""The day of the trigger where none is given: any will do, for only what follows it is shown."""


class WishError(Exception):
    """What was asked for cannot be simulated; the sentence says why and what to write instead."""


def passed(text: str | None, wish: str) -> timedelta:
    """Read how much time has passed, as ``2m``; nothing for none. Raises WishError."""
    if text is None:
        return timedelta(0)
    found = _WHEN.fullmatch(text)
    if not (found and any(found.groups())) or len(text) > len("366d00h00m00s"):
        raise WishError(f"{wish}: {text} is no time; write hours, minutes and seconds as 1h, 2m, 90s or 2m30s.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    after = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if after > _LONGEST:
        raise WishError(f"{wish}: {text} is longer than a ladder runs; take at most {_LONGEST.days} days.")
    return after


def instant(text: str) -> datetime:
    """Read when a simulation begins, as ``15:30``. Raises WishError."""
    for day in ("", f"{SOME_DAY:%Y-%m-%d}T"):
        try:
            found = datetime.fromisoformat(f"{day}{text}").replace(tzinfo=UTC)
        except ValueError:
            continue
        if found.year in _YEARS:
            return found
    raise WishError(f"{text}: is no time of day; write it as 15:30, or with a date as 2026-01-05T15:30.")


def trigger_named(text: str) -> Trigger:
    """Return the trigger of a visit that is called so. Raises WishError."""
    triggers: tuple[Trigger, ...] = get_args(Trigger)
    known = [one for one in triggers if one != "system"]
    found = next((one for one in known if one == text), None)
    if found is None:
        raise WishError(f"{text}: is no trigger of a visit{did_you_mean(text, known)}; it may be {', '.join(known)}.")
    return found


def role_named(text: str) -> Role:
    """Return the role that may act and is called so. Raises WishError."""
    known = sorted(role.value for role in RESPONDERS)
    if text not in known:
        raise WishError(f"{text}: is no role that may act{did_you_mean(text, known)}; it may be {', '.join(known)}.")
    return Role(text)
