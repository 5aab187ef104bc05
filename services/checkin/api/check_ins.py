"""What a worker says during a visit over HTTP: that all is well, until when, and that it is over. Wants the PIN of whoever has one.

The PIN goes into no hash of the request. A request that cannot be taken as it came signals duress all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from services.checkin.api.models import App, VisitId, clear
from services.checkin.api.visit_models import EndBody, ExtensionBody, PinnedClaim
from shared.runtime.asking import CrossSite, identify
from shared.runtime.identity import Identity, NoIdentity
from shared.runtime.web import Caller, answer, caller_of, reader

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from services.checkin.application import Application

PIN = "pin"
"""The member of a body that is its PIN."""


class _Pinned(APIRoute):
    """A route that may come with a PIN."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request: the route, and beside a refusal before it was reached, a look at the PIN."""
        answering = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answering(request)
            except (RequestValidationError, NoIdentity, CrossSite):
                await _signal_if_under_duress(self.name, request)
                raise

        return handler


async def _signal_if_under_duress(operation: str, request: Request) -> None:
    """Record duress of whoever asks, by a session that has expired too: as a call for help it needs no more."""
    pin, body = _without_pin(await request.body())
    if not pin:
        return
    try:
        identity = await identify(request, for_help=True)
    except NoIdentity:
        return
    by = await caller_of(request, identity, request.headers.get("idempotency-key"), body)
    app: Application = request.app.state.application
    await app.signal_if_under_duress(operation, by, str(request.path_params.get("visit_id", "")), pin)


def _without_pin(body: bytes) -> tuple[str | None, bytes]:
    """Return the PIN of a body, and what is left of the body without it: as it came where there is none."""
    try:
        sent = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return None, body
    if not isinstance(sent, dict) or PIN not in sent:
        return None, body
    pin = sent.pop(PIN)
    return str(pin) if isinstance(pin, str | int) else None, orjson.dumps(sent)


async def _caller(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Caller:
    """Say who commands. Whichever PIN it comes with, it is the same request."""
    _, body = _without_pin(await request.body())
    return await caller_of(request, identity, idempotency_key, body)


Commanding = Annotated[Caller, Depends(_caller)]

router = APIRouter(prefix="/visits", tags=["visits"], route_class=_Pinned)


@router.post("/{visit_id}/check-ins", name="check_in")
async def check_in(visit_id: VisitId, by: Commanding, app: App, body: PinnedClaim | None = None) -> dict[str, Any]:
    """Say that all is well. After a missed check-in it is recorded as late, and closes nothing."""
    body = body or PinnedClaim()
    return answer(await app.check_in(by, visit_id, body.occurred_at, clear(body.pin)))


@router.post("/{visit_id}/extensions", name="extend_visit")
async def extend_visit(visit_id: VisitId, body: ExtensionBody, by: Commanding, app: App) -> dict[str, Any]:
    """Give a new expected end; it counts as a check-in."""
    pin = clear(body.pin)
    return answer(await app.extend_visit(by, visit_id, body.expected_end_at, body.occurred_at, pin))


@router.post("/{visit_id}/end", name="end_visit")
async def end_visit(visit_id: VisitId, by: Commanding, app: App, body: EndBody | None = None) -> dict[str, Any]:
    """Report the end of a visit. An escalation that is open stays open; a reason that says it was not safe tells somebody."""
    body = body or EndBody()
    return answer(await app.end_visit(by, visit_id, body.reason, body.occurred_at, clear(body.pin)))
