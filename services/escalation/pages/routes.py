"""What the addresses of the pages answer: show, and do what a button says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.escalation.application import REFUSALS, Application, Confirmed
from services.escalation.pages.pressed import Pressed, pressed_in, typed_in
from services.escalation.pages.showing import PAGES, show
from services.escalation.readmodel import of_link
from shared.contracts.envelope import Undecodable
from shared.decider import Rejected
from shared.runtime.identity import Forbidden, Identity
from shared.runtime.links import code_sha256
from shared.runtime.log import OtherContent, Outside, Unavailable, WrongExpectedVersion
from shared.runtime.pages import HEADERS
from shared.runtime.postgres import LOST
from shared.runtime.service import Running
from shared.runtime.web import Caller, request_digest

router = APIRouter(prefix="/escalation", include_in_schema=False)


@router.get("/", name="index")
async def index() -> Response:
    """Say what this is, to whoever opens the bare address."""
    return PAGES.show("start.html")


@router.get("/e/{code}", name="escalation_page")
async def escalation_page(request: Request, code: str) -> Response:
    """Show an escalation to the person whom a link belongs to. Changes nothing."""

    async def answer(escalation_id: str, identity: Identity) -> Response:
        return await show(request, escalation_id, identity)

    return await _for_recipient(request, code, answer)


@router.post("/e/{code}", name="escalation_page_act")
async def escalation_page_act(request: Request, code: str) -> Response:
    """Do what a button says, as the person whom the link belongs to; then show the page anew."""
    async with request.form() as form:
        typed = typed_in(form)
    pressed = pressed_in(typed)

    async def act(escalation_id: str, identity: Identity) -> Response:
        if pressed.lacks:
            return await show(request, escalation_id, identity, HTTPStatus.UNPROCESSABLE_ENTITY, pressed.lacks, typed)
        try:
            await _act(request, code, escalation_id, identity, pressed)
        except OtherContent:
            pass  # this button was pressed before with another choice, which holds: the page shows it
        except Rejected as rejected:
            status, why = _refusal(rejected.code)
            return await show(request, escalation_id, identity, status, why, typed)
        return RedirectResponse(request.url.path, HTTPStatus.SEE_OTHER, HEADERS)

    return await _for_recipient(request, code, act)


def _refusal(code: str) -> tuple[int, str]:
    """Return how a refusal is answered, and in which words. What can be filled in and sent again is no conflict."""
    again = code.startswith(("fact_", "face_"))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if again else HTTPStatus.CONFLICT
    return status, f"{REFUSALS[code]} Nothing has been sent." if again else REFUSALS[code]


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
            return PAGES.show("unknown.html", HTTPStatus.NOT_FOUND)
        escalation_id, worker_id = found
        return await answer(escalation_id, Identity(worker_id))
    except Rejected:  # what it leads to is not for this person to see, and they are not told so
        return PAGES.show("unknown.html", HTTPStatus.NOT_FOUND)
    except (Forbidden, Undecodable):
        return PAGES.show("forbidden.html", HTTPStatus.FORBIDDEN)
    except (Unavailable, WrongExpectedVersion, *LOST):
        return PAGES.show("unavailable.html", HTTPStatus.SERVICE_UNAVAILABLE)


async def _act(request: Request, code: str, escalation_id: str, identity: Identity, pressed: Pressed) -> None:
    application: Application = request.app.state.application
    digest = await request_digest(request.app.state.running, "/escalation/e", pressed.model_dump_json().encode())
    outside = Outside(f"page:{code_sha256(code).hex()}", pressed.request_id, digest)
    by, task, seen = Caller(identity, outside, pressed.press), pressed.task, pressed.triggers_seen
    match pressed.action:
        case "acknowledge":
            await application.acknowledge(by, escalation_id, "page", seen)
        case "resolve":
            confirmed = Confirmed(identity.worker_id, pressed.how, pressed.said.note, triggers_seen=seen)
            await application.resolve(by, escalation_id, confirmed)
        case "stand_down":
            await application.stand_down(by, escalation_id, pressed.reason, triggers_seen=seen)
        case "take_task":
            await application.tasking.take(by, escalation_id, task, "page")
        case "hand_over_task":
            await application.tasking.hand_over(by, escalation_id, task, pressed.to)
        case "give_back_task":
            await application.tasking.give_back(by, escalation_id, task)
        case "do_task":
            await application.tasking.do(by, escalation_id, task, pressed.said, "page")
