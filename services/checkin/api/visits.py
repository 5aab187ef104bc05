"""Visits over HTTP, from the plan to the end."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from services.checkin.api import calls
from services.checkin.api.models import App, VisitId, clear
from services.checkin.api.visit_models import (
    ApprovalBody,
    CancellationBody,
    PlanBody,
    RefusalBody,
    ReportBody,
    StartBody,
)
from services.checkin.application import ContactGiven, Planned
from shared.contracts.base import Id
from shared.runtime.identity import Identity
from shared.runtime.service import Running
from shared.runtime.web import Caller, answer, caller, reader

router = APIRouter(prefix="/visits", tags=["visits"])

Commanding = Annotated[Caller, Depends(caller)]
Asking = Annotated[Identity, Depends(reader)]
Status = Literal["planned", "approved", "refused", "cancelled", "started", "ended"]


@router.post("", name="plan_visit", status_code=201)
async def plan_visit(body: PlanBody, by: Commanding, app: App) -> dict[str, Any]:
    """Plan a visit under the site's policy in force."""
    planned = Planned(
        site_id=body.site_id,
        worker_id=body.worker_id,
        kind=body.kind,
        starts_at=body.starts_at,
        expected_end_at=body.expected_end_at,
        interval=body.interval,
        assessment_id=body.assessment_id,
        place=clear(body.place),
        contacts=tuple(
            ContactGiven(contact.relation, contact.name.get_secret_value(), contact.phone.get_secret_value())
            for contact in body.contacts
        ),
        equipment=body.equipment,
    )
    return answer(await app.plan_visit(by, planned, body.occurred_at))


@router.get("", name="list_visits")
async def list_visits(
    request: Request,
    by: Asking,
    app: App,
    site_id: Id | None = None,
    status: Status | None = None,
    at_least: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> dict[str, Any]:
    """List the newest visits of a site. ``reached`` says whether the list shows everything up to ``at_least``."""
    running: Running = request.app.state.running
    reached = await running.feed.reached(at_least)
    return {"visits": await app.list_visits(by, site_id, status), "reached": reached}


@router.get("/{visit_id}", name="read_visit")
async def read_visit(visit_id: VisitId, by: Asking, app: App) -> dict[str, Any]:
    """Show where a visit stands, as its own events say at this moment."""
    return await app.read_visit(by, visit_id)


@router.post("/{visit_id}/approval", name="approve_visit")
async def approve_visit(
    visit_id: VisitId, by: Commanding, app: App, body: ApprovalBody | None = None
) -> dict[str, Any]:
    """Approve a visit on the strength of its assessment, or of another one of the site."""
    body = body or ApprovalBody()
    return answer(await app.approve_visit(by, visit_id, body.assessment_id, body.occurred_at))


@router.post("/{visit_id}/refusal", name="refuse_visit")
async def refuse_visit(visit_id: VisitId, body: RefusalBody, by: Commanding, app: App) -> dict[str, Any]:
    """Refuse a visit."""
    return answer(await app.refuse_visit(by, visit_id, body.reason, clear(body.note), body.occurred_at))


@router.post("/{visit_id}/start", name="start_visit")
async def start_visit(visit_id: VisitId, body: StartBody, by: Commanding, app: App) -> dict[str, Any]:
    """Start a visit; from now on it is watched."""
    return answer(await app.start_visit(by, visit_id, body.dynamic_assessment, body.occurred_at))


@router.post("/{visit_id}/help", name="ask_for_help", openapi_extra=calls.OPENAPI)
async def ask_for_help(visit_id: str, call: calls.Call, by: calls.Calling, app: App) -> dict[str, Any]:
    """Take a call for help in whatever state the visit is; on a visit that is unknown or not theirs it is the caller's own."""
    return answer(await app.ask_for_help(by, visit_id, call.note, call.occurred_at))


@router.post("/{visit_id}/situations", name="report_situation", openapi_extra=calls.SITUATION_OPENAPI)
async def report_situation(visit_id: str, report: calls.Report, by: calls.Calling, app: App) -> dict[str, Any]:
    """Take what is the matter in whatever state the visit is; on one that is unknown or not theirs it is the caller's own."""
    return answer(await app.report_situation(by, visit_id, report.situation, report.note, report.occurred_at))


@router.post("/{visit_id}/report", name="report_visit")
async def report_visit(visit_id: VisitId, body: ReportBody, by: Commanding, app: App) -> dict[str, Any]:
    """Report how a visit that has ended went; with something else to say, once more."""
    return answer(await app.report_visit(by, visit_id, body.went, clear(body.note), body.occurred_at))


@router.post("/{visit_id}/cancellation", name="cancel_visit")
async def cancel_visit(visit_id: VisitId, body: CancellationBody, by: Commanding, app: App) -> dict[str, Any]:
    """Call a visit off before it starts."""
    return answer(await app.cancel_visit(by, visit_id, body.reason, body.occurred_at))
