"""What a worker says during a visit over HTTP: that all is well, until when, and that it is over. Wants the PIN of whoever has one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.checkin.api.models import App, VisitId, clear
from services.checkin.api.pinned import PIN, Commanding, pinned
from services.checkin.api.visit_models import EndBody, ExtensionBody, PinnedClaim
from shared.runtime.web import answer

router = APIRouter(prefix="/visits", tags=["visits"], route_class=pinned(PIN))


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
