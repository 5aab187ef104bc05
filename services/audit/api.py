"""The addresses of audit. Parses and answers; decides nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from services.audit.application import Application, timeline_text
from shared.runtime.identity import Identity
from shared.runtime.service import Running
from shared.runtime.web import reader

router = APIRouter(prefix="/audit")

OpaqueId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$")]
Reader = Annotated[Identity, Depends(reader)]
Format = Annotated[Literal["json", "text"] | None, Query(alias="format")]
AtLeast = Annotated[int | None, Query(ge=0, description="Wait for this position, as a command answered it.")]
Accept = Annotated[str | None, Header()]

_TEXT_TOO: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/visits/{visit_id}/timeline", name="read_timeline", responses=_TEXT_TOO)
async def read_timeline(
    request: Request,
    visit_id: OpaqueId,
    who: Reader,
    form: Format = None,
    at_least: AtLeast = None,
    accept: Accept = None,
) -> Response:
    """Tell what happened on a visit, and what was expected; as JSON or as text. That it was read is recorded.

    The worker of the visit gets their own view, whatever roles they hold: what they did and agreed, what was awaited of them,
    and the reminders that they got. It has the same shape, with no escalations, and with its lines counted from 1 where
    everybody else sees positions of the log (``position``, ``through``, ``armed_by``, ``ended_by``, ``unreadable``): a gap
    between positions would say that something is left out.
    """
    await _reach(request, at_least)
    return _told(await _application(request).visit_timeline(who, visit_id), form, accept)


@router.get("/workers/{worker_id}/timeline", name="read_timeline", responses=_TEXT_TOO)
async def read_worker_timeline(
    request: Request,
    worker_id: OpaqueId,
    who: Reader,
    form: Format = None,
    at_least: AtLeast = None,
    accept: Accept = None,
) -> Response:
    """Tell what happened to a worker without a visit, in the same shape. That it was read is recorded.

    The worker gets their own view, as of a visit: what they signalled themselves.
    """
    await _reach(request, at_least)
    return _told(await _application(request).worker_timeline(who, worker_id), form, accept)


@router.get("/visits", name="read_timeline")
async def list_visits(
    request: Request,
    who: Reader,
    site_id: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$")],
    before: Annotated[int | None, Query(ge=1, description="Only visits that began before this position.")] = None,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """List the newest visits of a site, each with the positions of its first and its last event.

    Of the reader's own visits ``last_position`` is null: it moves with events that are kept from them.
    """
    await _reach(request, at_least)
    return {"visits": await _application(request).visits(who, site_id, before)}


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


async def _reach(request: Request, at_least: int | None) -> None:
    """Wait a moment until the list holds a position. Timelines come from the log itself and are never behind it."""
    running: Running = request.app.state.running
    if at_least is not None:
        await running.feed.reached(at_least)


def _told(told: dict[str, Any], form: str | None, accept: str | None) -> Response:
    wants_text = form == "text" or (form is None and (accept or "").startswith("text/plain"))
    return PlainTextResponse(timeline_text(told)) if wants_text else JSONResponse(told)
