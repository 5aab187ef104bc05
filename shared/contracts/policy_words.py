"""How spans, roles and misspelt words read in a sentence about a policy. Pure: values in, words out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def span_text(span: timedelta) -> str:
    """Return a span as people write it: ``1 hour 30 minutes``."""
    rest, parts = span.total_seconds(), []
    for name, seconds in _UNITS:
        count = rest if seconds == 1 else rest // seconds
        rest -= count * seconds
        if count:
            parts.append(f"{count:g} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the known word that is like this one, as a question in brackets; nothing where none is like it."""
    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
