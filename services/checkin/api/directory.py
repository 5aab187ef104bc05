"""Sites, policies, grants and assessments over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.checkin.api.models import (
    App,
    AssessmentBody,
    GrantBody,
    SiteBody,
    SiteId,
    SoundPolicy,
    SystemLadder,
    clear,
)
from services.checkin.application import AssessmentGiven
from shared.contracts.base import Id
from shared.runtime.identity import Identity
from shared.runtime.web import Caller, answer, caller, reader

router = APIRouter(tags=["sites, policies, grants, assessments"])

Commanding = Annotated[Caller, Depends(caller)]
Asking = Annotated[Identity, Depends(reader)]


@router.post("/policies", name="adopt_policy", status_code=201)
async def adopt_policy(body: SoundPolicy, by: Commanding, app: App) -> dict[str, Any]:
    """Put a policy in force for visits planned from now on; the same content again makes no new version."""
    return answer(await app.adopt_policy(by, body))


@router.get("/policies/{policy_id}", name="read_site")
async def read_policy(policy_id: Id, by: Asking, app: App) -> dict[str, Any]:
    """Show the version of a policy that is in force, to whoever reads at the operator; others see it with their site."""
    return await app.read_policy(by, policy_id)


@router.put("/operator-ladder", name="set_operator_ladder")
async def set_operator_ladder(body: SystemLadder, by: Commanding, app: App) -> dict[str, Any]:
    """Say who is told when something is wrong with Lonewatch itself. Until then everyone of the operator is, at once."""
    return answer(await app.set_operator_ladder(by, body))


@router.post("/sites", name="register_site", status_code=201)
async def register_site(body: SiteBody, by: Commanding, app: App) -> dict[str, Any]:
    """Make a site known, which follows a policy."""
    return answer(await app.register_site(by, body.site_id, body.name, body.policy_id))


@router.get("/sites/{site_id}", name="read_site")
async def read_site(site_id: SiteId, by: Asking, app: App) -> dict[str, Any]:
    """Show a site, its policy in force, and who holds which role there."""
    return await app.read_site(by, site_id)


@router.post("/sites/{site_id}/grants", name="give_grant", status_code=201)
async def give_grant(site_id: SiteId, body: GrantBody, by: Commanding, app: App) -> dict[str, Any]:
    """Let a person hold a role at a site; with ``operator`` as the site, at every site."""
    return answer(await app.give_grant(by, site_id, body.worker_id, body.role))


@router.post("/sites/{site_id}/grants/withdrawals", name="withdraw_grant")
async def withdraw_grant(site_id: SiteId, body: GrantBody, by: Commanding, app: App) -> dict[str, Any]:
    """Take a role from a person."""
    return answer(await app.withdraw_grant(by, site_id, body.worker_id, body.role))


@router.post("/assessments", name="record_assessment", status_code=201)
async def record_assessment(body: AssessmentBody, by: Commanding, app: App) -> dict[str, Any]:
    """Record how the risk of lone work at a site was assessed; with the id of an earlier one, in its place."""
    given = AssessmentGiven(
        site_id=body.site_id,
        outcome=body.outcome,
        factors=body.factors,
        assessment_id=body.assessment_id,
        controls=tuple(control.get_secret_value() for control in body.controls),
        assessed_by=body.assessed_by,
        valid_until_at=body.valid_until_at,
        notes=clear(body.notes),
    )
    return answer(await app.record_assessment(by, given))
