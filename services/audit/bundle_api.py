"""The address of bundles. Parses and answers; decides nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from services.audit.application.bundles import Bundles
from shared.runtime.identity import Identity
from shared.runtime.web import reader

router = APIRouter(prefix="/audit")

_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


@router.get("/visits/{visit_id}/bundle", name="export_bundle", responses=_ZIP, response_class=Response)
async def export_bundle(
    request: Request,
    visit_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$")],
    who: Annotated[Identity, Depends(reader)],
) -> Response:
    """Hand out the bundle of a visit: its timeline and records, with what proves them to somebody without Lonewatch.

    That it was handed out is recorded. Nobody gets one of a visit of their own. While the tree has not yet taken the visit's
    last record the answer is 409 ``tree_behind``: ask again.
    """
    bundles: Bundles = request.app.state.bundles
    content = await bundles.of_visit(who, visit_id)
    named = {"Content-Disposition": f'attachment; filename="{visit_id}.zip"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=named)
