"""Read a call for help: whatever can be read of it is taken, and nothing that is wrong with it keeps it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import orjson
import structlog
from fastapi import Depends, Header, Request
from pydantic import TypeAdapter, ValidationError

from services.checkin.api.models import Instant
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id
from shared.runtime.log import Outside
from shared.runtime.web import Caller, caller, reader_for_help

log = structlog.get_logger()

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
    except (orjson.JSONDecodeError, RecursionError):
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


async def _caller(
    request: Request,
    identity: Annotated[Identity, Depends(reader_for_help)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Caller:
    """Say who calls. A request whose content cannot be hashed (nested too deep, no key at hand) is known by its address."""
    try:
        return await caller(request, identity, idempotency_key)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must not keep the call out
        log.warning("call_not_hashed", error=type(error).__name__)
        key = f"help:{sha256((idempotency_key or new_id()).encode()).hexdigest()}"
        digest = sha256(request.scope.get("raw_path") or b"").digest()
        return Caller(identity, Outside(f"http:{identity.worker_id}", key, digest), key)


Calling = Annotated[Caller, Depends(_caller)]
"""Who calls for help, and under which id: never refused but for want of an identity."""
