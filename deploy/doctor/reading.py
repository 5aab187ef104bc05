"""Read records as far as they can be read: whoever examines a broken log must not break on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping


def data_of(record: bytes) -> Mapping[str, Any]:
    """Return the data of a record; nothing where it cannot be read."""
    try:
        data = orjson.loads(record)["data"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
