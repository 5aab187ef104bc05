"""People over HTTP: who is known, how they are reached, their tokens, what they signal without a visit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.checkin.api import calls
from services.checkin.api.models import App, ContactPointsBody, TokenId, WorkerBody, WorkerId, clear
from services.checkin.application import ContactPointGiven
from shared.runtime.identity import Identity
from shared.runtime.web import Caller, answer, caller, reader

router = APIRouter(prefix="/workers", tags=["people"])

Commanding = Annotated[Caller, Depends(caller)]
Asking = Annotated[Identity, Depends(reader)]


@router.post("", name="register_worker", status_code=201)
async def register_worker(body: WorkerBody, by: Commanding, app: App) -> dict[str, Any]:
    """Make a person known, at the site that looks after them (or ``operator``)."""
    return answer(await app.register_worker(by, body.worker_id, body.site_id, body.name.get_secret_value()))


@router.get("/{worker_id}", name="read_worker")
async def read_worker(worker_id: WorkerId, by: Asking, app: App) -> dict[str, Any]:
    """Show a person: name, ways to reach them, whether they have PINs; phones to themselves and to administrators."""
    return await app.read_worker(by, worker_id)


@router.put("/{worker_id}/contact-points", name="set_contact_points")
async def set_contact_points(worker_id: WorkerId, body: ContactPointsBody, by: Commanding, app: App) -> dict[str, Any]:
    """Say how a person is reached from now on: the whole list."""
    given = [
        ContactPointGiven(point.channel, point.address.get_secret_value(), clear(point.secret))
        for point in body.contact_points
    ]
    return answer(await app.set_contact_points(by, worker_id, given))


@router.post("/{worker_id}/tokens", name="issue_token", status_code=201)
async def issue_token(worker_id: WorkerId, by: Commanding, app: App) -> dict[str, Any]:
    """Issue a bearer token, shown this once: a repeat answers ``token`` null, and then another must be issued."""
    handled, token = await app.issue_token(by, worker_id)
    shown = "shown this once: keep it" if token else "shown before and kept nowhere: issue another with a new key"
    return {**answer(handled), "token": token, "notice": shown}


@router.post("/{worker_id}/tokens/{token_id}/revocation", name="revoke_token")
async def revoke_token(worker_id: WorkerId, token_id: TokenId, by: Commanding, app: App) -> dict[str, Any]:
    """Let a token stand for nobody any more, once every service has looked it up again: after 10 seconds at most."""
    return answer(await app.revoke_token(by, worker_id, token_id))


@router.post("/{worker_id}/help", name="ask_for_help", openapi_extra=calls.OPENAPI)
async def ask_for_help(worker_id: str, call: calls.Call, by: calls.Calling, app: App) -> dict[str, Any]:
    """Take a call for help of a person who is on no visit; about somebody unknown or not theirs it is the caller's own."""
    return answer(await app.ask_for_help_without_visit(by, worker_id, call.note, call.occurred_at))


@router.post("/{worker_id}/situations", name="report_situation", openapi_extra=calls.SITUATION_OPENAPI)
async def report_situation(worker_id: str, report: calls.Report, by: calls.Calling, app: App) -> dict[str, Any]:
    """Take what is the matter with a person who is on no visit; about somebody unknown or not theirs it is the caller's own."""
    return answer(
        await app.report_situation_without_visit(by, worker_id, report.situation, report.note, report.occurred_at)
    )
