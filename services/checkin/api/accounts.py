"""Passwords and sessions over HTTP. What a refusal takes says nothing of whether a login exists."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, SecretStr

from services.checkin.api import calls
from services.checkin.api.models import App, Body, WorkerId, clear
from services.checkin.application import Locked
from services.checkin.domain import REFUSALS
from shared.decider import Rejected
from shared.runtime.asking import COOKIE, drop_session, keep_session, require_same_site
from shared.runtime.clock import monotonic, pause
from shared.runtime.identity import NoIdentity
from shared.runtime.ids import new_id
from shared.runtime.problems import problem
from shared.runtime.records import instant
from shared.runtime.web import Caller, answer, caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.identity import Authority

router = APIRouter(tags=["accounts"])

Commanding = Annotated[Caller, Depends(caller)]

Login = Annotated[SecretStr, Field(min_length=3, max_length=200)]
"""The name to sign in with: a mail address, a staff number. Large and small letters are the same."""

Password = Annotated[SecretStr, Field(min_length=12, max_length=200)]
"""A new password. Its length is all that is asked of it: rules on characters make people write it down."""

Shown = Annotated[SecretStr, Field(max_length=200)]
"""A password that may be wrong."""

STEP = 0.5
"""Seconds: refusals to sign in, and every answer to a call by password, come at multiples of this from the request, so
that they take as long for a login that nobody has, and for a right password, as for a wrong one."""

_TEXT = {"type": "string"}
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"login": _TEXT, "password": _TEXT, "note": _TEXT}}
            }
        },
    }
}
"""How the interface describes a call by password, which is read by hand: nothing that is wrong with it keeps it out."""

_TAKEN = "If this was your password, your call for help was taken."


class PasswordBody(Body):
    """A login and a new password."""

    login: Login
    password: Password
    current_password: Shown | None = None


class SignInBody(Body):
    """A login and its password."""

    login: Annotated[SecretStr, Field(max_length=200)]
    password: Shown


@router.put("/workers/{worker_id}/password", name="set_password", response_model=None)
async def set_password(worker_id: WorkerId, body: PasswordBody, by: Commanding, app: App) -> dict[str, Any] | Response:
    """Give a person a login and a password; it ends their sessions. Whoever is no administrator sends the current one, too."""
    login, password = body.login.get_secret_value(), body.password.get_secret_value()
    try:
        return answer(await app.set_password(by, worker_id, login, password, clear(body.current_password)))
    except Locked as locked:
        return _locked(locked, None)


@router.delete("/workers/{worker_id}/password", name="remove_password")
async def remove_password(worker_id: WorkerId, by: Commanding, app: App) -> dict[str, Any]:
    """Let a person sign in no more; it ends their sessions. Their tokens stay."""
    return answer(await app.remove_password(by, worker_id))


@router.delete("/workers/{worker_id}/sessions", name="end_sessions")
async def end_sessions(worker_id: WorkerId, by: Commanding, app: App) -> dict[str, Any]:
    """End every session of a person, once every service has looked again: after 10 seconds at most."""
    return answer(await app.end_sessions(by, worker_id))


@router.post("/sessions", name="sign_in", status_code=201, response_model=None)
async def sign_in(body: SignInBody, request: Request, response: Response, app: App) -> dict[str, Any] | Response:
    """Begin a session by a login and a password: a cookie, for 12 hours after it was last used."""
    began, ring = monotonic(), request.app.state.running.settings.ring
    if {"sec-fetch-site", "origin"} & set(request.headers.keys()):  # a browser: another site signs nobody in
        require_same_site(request)
    try:
        begun = await app.sign_in(body.login.get_secret_value(), body.password.get_secret_value())
    except Locked as locked:
        await _evenly(began)
        return _locked(locked, ring)
    except Rejected as rejected:
        await _evenly(began)
        return problem(401, rejected.code, REFUSALS[rejected.code], ring=ring)
    keep_session(request, response, begun.secret)
    return {"worker_id": begun.worker_id, "expires_at": instant(begun.expires_at)}


@router.delete("/sessions/current", name="sign_out")
async def sign_out(request: Request, response: Response, app: App) -> dict[str, Any]:
    """End the session of this browser, if it has one."""
    if COOKIE in request.cookies:
        require_same_site(request)
        authority: Authority = request.app.state.running.authority
        with suppress(NoIdentity):  # one that has expired is ended, too
            await app.sign_out(await authority.identify_session(request.cookies[COOKIE], for_help=True))
    drop_session(request, response)
    return {"signed_out": True}


@router.post("/help-by-password", name="help_by_password", status_code=202, openapi_extra=_OPENAPI)
async def help_by_password(request: Request, call: calls.Call, app: App) -> dict[str, Any]:
    """Take a call for help of somebody who has neither a token nor a session: always answered alike, locked or not."""
    began, ring = monotonic(), request.app.state.running.settings.ring
    sent = await _read(request)
    key = request.headers.get("idempotency-key") or new_id()
    try:
        await app.help_by_password(sent["login"], sent["password"], call.note, key)
    finally:
        await _evenly(began)
    return {"notice": _TAKEN, "ring": ring}


async def _read(request: Request) -> Mapping[str, str]:
    """Read a login and a password from whatever was sent; what is no text is empty, and nobody's."""
    try:
        sent = orjson.loads(await request.body())
    except (orjson.JSONDecodeError, RecursionError):
        sent = None
    found = sent if isinstance(sent, dict) else {}
    texts = {name: found.get(name) for name in ("login", "password")}
    return {name: text[:1000] if isinstance(text, str) else "" for name, text in texts.items()}


async def _evenly(began: float) -> None:
    """Wait for the next multiple of ``STEP``."""
    await pause(math.ceil((monotonic() - began) / STEP) * STEP - (monotonic() - began))


def _locked(locked: Locked, ring: str | None) -> Response:
    """Answer that nobody signs in for a while: until when, and whom to ring."""
    seconds = max(1, math.ceil(locked.left.total_seconds()))
    more = {} if ring is None else {"ring": ring}
    code = "sign_in_locked"
    return problem(429, code, REFUSALS[code], headers={"Retry-After": str(seconds)}, **more)
