"""Of which kind a value of a record is, as JSON has it. Knows no event, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tests.faults.checker.history import instant

Kind: TypeAlias = Callable[[Any], bool]


def text(value: Any) -> bool:
    """Say whether it is a text."""
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """Say whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def moment(value: Any) -> bool:
    """Say whether it is an instant with its zone."""
    try:
        return isinstance(value, str) and instant(value) is not None
    except ValueError:
        return False


def perhaps(kind: Kind) -> Kind:
    """Return the kind that may also be null, or missing."""
    return lambda value: value is None or kind(value)


def several(kind: Kind) -> Kind:
    """Return the kind of a list."""
    return lambda value: isinstance(value, list) and all(kind(item) for item in value)


def having(**members: Kind) -> Kind:
    """Return the kind of an object that has these members."""
    return lambda value: isinstance(value, dict) and all(kind(value.get(name)) for name, kind in members.items())
