"""Notifier over HTTP: who is being told what and how far it has come, and replies from outside. No logic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.notifier.application import Application, ForgedReply, Reply
from services.notifier.readmodel import list_notifications
from shared.contracts.base import Id
from shared.decider import Rejected
from shared.runtime.identity import Identity
from shared.runtime.problems import problem
from shared.runtime.service import Running
from shared.runtime.web import Caller, answer, caller, reader, request_digest

router = APIRouter(prefix="/notifier")

Reader = Annotated[Identity, Depends(reader)]
Who = Annotated[Caller, Depends(caller)]
AtLeast = Annotated[int | None, Query(ge=0, description="Wait up to a second for this position of the log.")]


class TestAlarmRequest(BaseModel):
    """Whom to reach."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipient_id: Id


class ReplyData(BaseModel):
    """Which message is answered, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message_id: Id
    reply: Literal["acknowledge"]


class ReplyRequest(BaseModel):
    """A reply as Standard Webhooks has events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["reply"]
    sent_at: AwareDatetime | None = Field(default=None, alias="timestamp")
    data: ReplyData


@router.get("/notifications", name="read_notifications")
async def read_notifications(
    request: Request,
    identity: Reader,
    visit_id: Id | None = None,
    escalation_id: Id | None = None,
    at_least: AtLeast = None,
) -> Any:
    """List the notifications of a visit or of an escalation, oldest first: the state of each message, and its attempts."""
    application: Application = request.app.state.application
    if visit_id is not None:
        site_id = await application.site_of_visit(identity, visit_id)
    elif escalation_id is not None:
        site_id = await application.site_of_escalation(identity, escalation_id)
    else:
        errors = [{"where": "query", "what": "give visit_id or escalation_id"}]
        return problem(422, "invalid", errors=errors)
    running = await _reached(request, at_least)
    found = await list_notifications(
        running.pool, site_id, visit_id=visit_id, escalation_id=escalation_id, reader=identity.worker_id
    )
    return {"notifications": found}


@router.get("/notifications/{notification_id}", name="read_notifications")
async def read_notification(
    request: Request, identity: Reader, notification_id: Id, at_least: AtLeast = None
) -> dict[str, Any]:
    """Show one notification."""
    application: Application = request.app.state.application
    site_id = await application.site_of_notification(identity, notification_id)
    running = await _reached(request, at_least)
    found = await list_notifications(running.pool, site_id, notification_id=notification_id, reader=identity.worker_id)
    if not found:
        raise Rejected("notification_unknown")
    return found[0]


@router.post("/test-alarms", name="test_alarm", status_code=201)
async def send_test_alarm(request: Request, who: Who, wanted: TestAlarmRequest) -> dict[str, Any]:
    """Tell a person by every way in which they can be reached that this is a test, and ask whether it reached them."""
    application: Application = request.app.state.application
    return answer(await application.trials.send(who, wanted.recipient_id))


@router.get("/test-alarms/{notification_id}", name="read_test_alarm")
async def read_test_alarm(
    request: Request, identity: Reader, notification_id: Id, at_least: AtLeast = None
) -> dict[str, Any]:
    """Show how far each message of a test alarm has come, and since when it is known that it reached the person."""
    application: Application = request.app.state.application
    await _reached(request, at_least)
    return await application.trials.read(identity, notification_id)


@router.post("/replies", name="receive_reply")
async def receive_reply(
    request: Request,
    reply: ReplyRequest,
    webhook_id: Annotated[str, Header(max_length=128, pattern=r"^[\x21-\x7e]+$")],
) -> Any:
    """Take a reply, signed as Standard Webhooks with the secret of the contact point that the message went to."""
    application: Application = request.app.state.application
    body = await request.body()
    digest = await request_digest(request.app.state.running, request.url.path, body)
    came = Reply(reply.data.message_id, reply.data.reply, body, request.headers)
    try:
        return answer(await application.receive_reply(came, webhook_id, digest))
    except ForgedReply:
        return _forged()


def _forged() -> JSONResponse:
    sentence = (
        "This message's contact point did not sign the reply; sign it with the secret of that webhook, and its time."
    )
    return problem(401, "signature_invalid", sentence)


async def _reached(request: Request, at_least: int | None) -> Running:
    """Return the service, after it has waited for a position."""
    running: Running = request.app.state.running
    if at_least is not None:
        await running.feed.reached(at_least)
    return running
