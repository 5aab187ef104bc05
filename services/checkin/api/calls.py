"""Read a call for help: whatever can be read of it is taken, and nothing that is wrong with it keeps it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError

from services.checkin.api.models import Instant

LONGEST_NOTE = 4000
"""Characters of a note that are kept: a longer one is cut, since a call for help is never sent back."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "note": {"type": "string", "maxLength": LONGEST_NOTE},
                        "occurred_at": {"type": "string", "format": "date-time"},
                    },
                }
            }
        },
    }
}
"""How the interface describes the body, which is read by hand."""


@dataclass(frozen=True)
class _Call:
    note: str | None = None
    occurred_at: datetime | None = None


async def _read(request: Request) -> _Call:
    try:
        sent = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return _Call()
    if not isinstance(sent, dict):
        return _Call()
    note = sent.get("note")
    try:
        occurred_at = _INSTANT.validate_python(sent.get("occurred_at"))
    except ValidationError:
        occurred_at = None
    return _Call(note[:LONGEST_NOTE] if isinstance(note, str) and note else None, occurred_at)


Call = Annotated[_Call, Depends(_read)]
"""A call for help as it came."""
