"""Requests that may come with a PIN. Which PIN it is goes into no hash of the request.

A request that cannot be taken as it came signals duress all the same, whatever is wrong with it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.runtime.asking import CrossSite, identify
from shared.runtime.identity import Identity, NoIdentity
from shared.runtime.web import Caller, caller_of, reader

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from services.checkin.application import Application

PIN, CURRENT_PIN = "pin", "current_pin"
"""The member of a body that is shown as the person's PIN: of a check-in, and of whatever changes how they are reached."""

_PINS = frozenset({PIN, CURRENT_PIN, "duress_pin"})
"""Every member that is a PIN, shown or new."""

_UNREAD = b""
"""What a body counts as that is not taken: whatever stands in it, no PIN is in a hash of nothing."""


def pinned(member: str) -> type[APIRoute]:
    """Return a kind of route whose requests may come with a PIN in this member."""

    class Pinned(APIRoute):
        """Answers as any route, and beside a refusal before it was reached looks at the PIN."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answering = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await answering(request)
                except (RequestValidationError, HTTPException, NoIdentity, CrossSite):
                    await _signal_if_under_duress(self.name, request, member)
                    raise

            return handler

    return Pinned


async def _signal_if_under_duress(operation: str, request: Request, member: str) -> None:
    """Record duress of whoever asks, by a session that has expired too: as a call for help it needs no more."""
    pin = pin_shown(await request.body(), member)
    if not pin:
        return
    try:
        identity = await identify(request, for_help=True)
    except NoIdentity:
        return
    by = await caller_of(request, identity, request.headers.get("idempotency-key"), _UNREAD)
    app: Application = request.app.state.application
    await app.signal_if_under_duress(operation, by, str(request.path_params.get("visit_id", "")), pin)


def pin_shown(body: bytes, member: str) -> str | None:
    """Return the PIN of a body that was refused; where none can be read, the digits that follow the member's name."""
    sent = _read(body)
    pin = sent.get(member) if sent else None
    if isinstance(pin, str | int):
        return str(pin)
    text = body.decode(json.detect_encoding(body), "replace")
    found = re.findall(rf"""\b{member}\b["']?\s*[:=]\s*["']?\s*(\d{{1,40}})""", text)
    return found[-1] if found else None


def without_pins(body: bytes) -> bytes:
    """Return what counts as the content of a request: all but its PINs, and nothing of a body that will be refused."""
    sent = _read(body)
    if sent is None:
        return _UNREAD
    try:
        return orjson.dumps({name: value for name, value in sent.items() if name not in _PINS})
    except orjson.JSONEncodeError:  # what cannot be written again (half of a character, a number without end)
        return _UNREAD


def _read(body: bytes) -> dict[str, Any] | None:
    """Read an object just as the framework reads it, whose answer says whether the request is taken."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


async def _caller(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Caller:
    """Say who commands. Whichever PIN it comes with, it is the same request."""
    return await caller_of(request, identity, idempotency_key, without_pins(await request.body()))


Commanding = Annotated[Caller, Depends(_caller)]
"""Who commands, by a request in whose hash there is no PIN."""
