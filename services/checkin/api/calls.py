"""Read a call for help, or a report of a situation: whatever can be read of it is taken, and nothing that is wrong with it keeps it out."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import orjson
import structlog
from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from shared.contracts.base import GivenInstant
from shared.contracts.ladders import Situation
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id
from shared.runtime.log import Outside
from shared.runtime.web import Caller, caller, reader_for_help

log = structlog.get_logger()

LONGEST_NOTE = 4000
"""Characters of a note that are kept: a longer one is cut, since a call for help is never sent back."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(GivenInstant)

_SITUATION: TypeAdapter[Situation] = TypeAdapter(Situation)

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

SITUATION_OPENAPI: dict[str, Any] = deepcopy(OPENAPI)
"""The same, of a report of a situation."""
_SCHEMA = SITUATION_OPENAPI["requestBody"]["content"]["application/json"]["schema"]
_SCHEMA["properties"]["situation"] = _SITUATION.json_schema()
_SCHEMA["required"] = ["situation"]
SITUATION_OPENAPI["requestBody"]["required"] = True


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


@dataclass(frozen=True)
class _Report(_Call):
    situation: Situation = "unsafe"


async def _read_report(request: Request, call: Annotated[_Call, Depends(_read)]) -> _Report:
    """Read what is the matter. Which of the few it is must be said; nothing else that is wrong keeps it out."""
    try:
        sent = orjson.loads(await request.body())
    except (orjson.JSONDecodeError, RecursionError):
        sent = None
    try:
        situation = _SITUATION.validate_python(sent.get("situation") if isinstance(sent, dict) else None)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", "situation")} for one in error.errors()]) from None
    return _Report(call.note, call.occurred_at, situation)


Report = Annotated[_Report, Depends(_read_report)]
"""A report of a situation as it came."""

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
