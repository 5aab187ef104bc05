"""Write a state as bytes, one way only: the same state gives the same bytes in any process, time zone and release of Python.

JSON without spaces; members and the elements of sets in the order of their bytes; instants in UTC with microseconds, spans
as their microseconds. Two states are equal where their bytes are, and a SHA-256 of them stands for the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

_MICROSECOND = timedelta(microseconds=1)


def canonical(value: Any) -> bytes:
    """Return the bytes of a state: of records, contracts, containers, texts, numbers, instants and spans.

    Raises TypeError for anything else: what cannot be written one way must not be compared.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of a state, in hexadecimal digits."""
    return sha256(canonical(value)).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON knows them."""
    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return _plain(value.value)
        case bytes():
            return {"bytes": value.hex()}
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return {"microseconds": value // _MICROSECOND}
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            if all(isinstance(key, str) for key in value):
                return {key: _plain(item) for key, item in value.items()}
            return {"pairs": sorted(([_plain(key), _plain(item)] for key, item in value.items()), key=_written)}
        case AbstractSet():
            return sorted((_plain(element) for element in value), key=_written)
        case Sequence():
            return [_plain(element) for element in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            message = f"a {type(value).__name__} cannot be written one way only"
            raise TypeError(message)


def _written(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
