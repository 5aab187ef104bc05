"""Show the page of an escalation as it is now, with a notice and what was typed where something was refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from services.escalation.pages.desk import desk_of, dial
from shared.runtime.ids import new_id
from shared.runtime.pages import Pages

if TYPE_CHECKING:
    from fastapi import Request, Response

    from services.escalation.application import Application
    from shared.runtime.identity import Identity

PAGES = Pages(Path(__file__).parent.parent / "templates")
"""The templates of escalation."""

NOTHING: Mapping[str, str] = MappingProxyType({})
"""Nothing was typed, or no clause can be read."""


async def show(
    request: Request,
    escalation_id: str,
    identity: Identity,
    status: int = 200,
    notice: str | None = None,
    typed: Mapping[str, str] = NOTHING,
) -> Response:
    """Return the page for this person. Raises Rejected, Forbidden."""
    application: Application = request.app.state.application
    account = await application.read(identity, escalation_id)
    desk = await desk_of(application, account, identity)
    others = await application.others_than(identity, account) if desk.held else ()
    names = await application.names_of(account.people.union(others))
    return PAGES.show(
        "escalation.html",
        status,
        impairment=request.app.state.running.watch.impairment,
        account=account,
        desk=desk,
        me=identity.worker_id,
        names=names,
        others=sorted(others, key=lambda who: names[who]),
        plan=await application.plan_of(account),
        clauses=await application.clauses_of(account) if account.tasks else NOTHING,
        notice=notice,
        typed=typed,
        dial=dial,
        press=new_id(),
        utc=UTC,
    )
