"""The page behind a personal link: what happened, who has taken it, and three things to do about it.

The link's code is the identity. Opening a page changes nothing, so whatever fetches a link beforehand does no harm; only
a pressed button does. Renders and calls; decides nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from services.escalation.application import REFUSALS, Application, Confirmed
from services.escalation.readmodel import of_link
from shared.contracts.base import Code
from shared.contracts.envelope import Undecodable
from shared.decider import Rejected
from shared.runtime.identity import Forbidden, Identity
from shared.runtime.ids import new_id
from shared.runtime.links import code_sha256
from shared.runtime.log import OtherContent, Outside, Unavailable, WrongExpectedVersion
from shared.runtime.pages import HEADERS, Pages
from shared.runtime.postgres import LOST
from shared.runtime.service import Running
from shared.runtime.web import Caller, request_digest

router = APIRouter(prefix="/escalation", include_in_schema=False)

_PAGES = Pages(Path(__file__).parent / "templates")


class Pressed(BaseModel):
    """One of the three buttons, and what was chosen with it."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["acknowledge", "resolve", "stand_down"]
    how: Code | Literal[""] = ""
    confirmed: Literal["yes", ""] = ""
    reason: Code | Literal[""] = ""
    triggers_seen: Annotated[int, Field(ge=1)] | None = None
    """What the page showed: what joined later is neither taken nor ended."""
    press: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", default_factory=new_id)]
    """Made when the page was: the same button pressed twice is one request."""

    @property
    def lacks(self) -> str | None:
        """What has to be chosen before this button means something."""
        if self.action == "resolve" and not (self.how and self.confirmed):
            return "Choose how you know it, and tick that you confirm it. Nothing has been sent."
        if self.action == "stand_down" and not self.reason:
            return "Choose why it was a false alarm. Nothing has been sent."
        return None


@router.get("/", name="index")
async def index() -> Response:
    """Say what this is, to whoever opens the bare address."""
    return _PAGES.show("start.html")


@router.get("/e/{code}", name="escalation_page")
async def escalation_page(request: Request, code: str) -> Response:
    """Show an escalation to the person whom a link belongs to. Changes nothing."""

    async def show(escalation_id: str, identity: Identity) -> Response:
        return await _show(request, escalation_id, identity)

    return await _for_recipient(request, code, show)


@router.post("/e/{code}", name="escalation_page_act")
async def escalation_page_act(request: Request, code: str, pressed: Annotated[Pressed, Form()]) -> Response:
    """Do what a button says, as the person whom the link belongs to; then show the page anew."""

    async def act(escalation_id: str, identity: Identity) -> Response:
        if pressed.lacks:
            return await _show(request, escalation_id, identity, HTTPStatus.UNPROCESSABLE_ENTITY, pressed.lacks)
        try:
            await _act(request, code, escalation_id, identity, pressed)
        except OtherContent:
            pass  # this button was pressed before with another choice, which holds: the page shows it
        except Rejected as rejected:
            return await _show(request, escalation_id, identity, HTTPStatus.CONFLICT, REFUSALS[rejected.code])
        return RedirectResponse(request.url.path, HTTPStatus.SEE_OTHER, HEADERS)

    return await _for_recipient(request, code, act)


async def _for_recipient(
    request: Request, code: str, answer: Callable[[str, Identity], Awaitable[Response]]
) -> Response:
    """Answer the person whom a code belongs to; tell everyone else, and in every trouble, what to do instead."""
    running: Running = request.app.state.running
    try:
        found = await of_link(running.pool, code)
        if found is None and await running.feed.caught_up():  # a link may be faster than the table of links
            found = await of_link(running.pool, code)
        if found is None:
            return _PAGES.show("unknown.html", HTTPStatus.NOT_FOUND)
        escalation_id, worker_id = found
        return await answer(escalation_id, Identity(worker_id))
    except (Forbidden, Undecodable):
        return _PAGES.show("forbidden.html", HTTPStatus.FORBIDDEN)
    except (Unavailable, WrongExpectedVersion, *LOST):
        return _PAGES.show("unavailable.html", HTTPStatus.SERVICE_UNAVAILABLE)


async def _act(request: Request, code: str, escalation_id: str, identity: Identity, pressed: Pressed) -> None:
    application: Application = request.app.state.application
    digest = await request_digest(request.app.state.running, "/escalation/e", pressed.model_dump_json().encode())
    outside = Outside(f"page:{code_sha256(code).hex()}", f"{pressed.press}.{pressed.action}", digest)
    by = Caller(identity, outside, pressed.press)
    match pressed.action:
        case "acknowledge":
            await application.acknowledge(by, escalation_id, "page", pressed.triggers_seen)
        case "resolve":
            confirmed = Confirmed(identity.worker_id, pressed.how, triggers_seen=pressed.triggers_seen)
            await application.resolve(by, escalation_id, confirmed)
        case "stand_down":
            await application.stand_down(by, escalation_id, pressed.reason, triggers_seen=pressed.triggers_seen)


async def _show(
    request: Request, escalation_id: str, identity: Identity, status: int = 200, notice: str | None = None
) -> Response:
    application: Application = request.app.state.application
    account = await application.read(identity, escalation_id)
    names = {who: await application.name_of(who) for who in account.people}
    return _PAGES.show(
        "escalation.html",
        status,
        impairment=request.app.state.running.watch.impairment,
        account=account,
        me=identity.worker_id,
        names=names,
        plan=await application.plan_of(account),
        notice=notice,
        press=new_id(),
        utc=UTC,
    )
