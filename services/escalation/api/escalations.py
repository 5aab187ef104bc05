"""The escalations themselves: list and read them, take and end them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from services.escalation.api.models import App, FalseAlarm, Resolution, Seen, clear
from services.escalation.api.showing import shown
from services.escalation.application import Confirmed
from services.escalation.readmodel import list_escalations as query_escalations
from shared.contracts.base import Id
from shared.runtime.identity import Identity
from shared.runtime.service import Running
from shared.runtime.web import Caller, answer, caller, reader

router = APIRouter()


@router.get("/escalations", name="list_escalations")
async def list_escalations(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    application: App,
    site_id: Id | None = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
    at_least: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """List escalations of a site, or of every site for those of the operator; newest first. May lag behind the log.

    Those about whoever asks are left out.
    """
    await application.authority.authorise(identity, "list_escalations", site_id)
    running: Running = request.app.state.running
    await running.feed.reached(at_least)
    rows = await query_escalations(running.pool, site_id, is_open=is_open, not_about=identity.worker_id)
    return {"escalations": [dict(row) for row in rows]}


@router.get("/escalations/{escalation_id}", name="read_escalation")
async def read_escalation(
    escalation_id: Id, identity: Annotated[Identity, Depends(reader)], application: App
) -> dict[str, Any]:
    """Show one escalation as the log has it: its triggers, ladders, steps and tasks, who was told, and who has taken it.

    Whoever holds a task sees the numbers, code words and facts that it takes; nobody else does.
    """
    return await shown(application, await application.read(identity, escalation_id), identity)


@router.post("/escalations/{escalation_id}/acknowledgement", name="acknowledge")
async def acknowledge(
    escalation_id: Id, by: Annotated[Caller, Depends(caller)], application: App, wanted: Seen | None = None
) -> dict[str, Any]:
    """Take an escalation: it is yours until it is ended, or until it runs out."""
    return answer(await application.acknowledge(by, escalation_id, "api", wanted.triggers_seen if wanted else None))


@router.post("/escalations/{escalation_id}/resolution", name="resolve")
async def resolve(
    escalation_id: Id, wanted: Resolution, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Say that the worker is safe, or that what was wrong with Lonewatch is put right."""
    confirmed = Confirmed(wanted.confirmed_by, wanted.how, clear(wanted.note), wanted.triggers_seen)
    return answer(await application.resolve(by, escalation_id, confirmed))


@router.post("/escalations/{escalation_id}/stand-down", name="stand_down")
async def stand_down(
    escalation_id: Id, wanted: FalseAlarm, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Say that it was a false alarm."""
    note, seen = clear(wanted.note), wanted.triggers_seen
    return answer(await application.stand_down(by, escalation_id, wanted.reason, note, seen))
