"""What is refused and what fails, as every service answers it (RFC 9457): a code for machines, a sentence for people.

Never shows what was sent. Whatever is answered while nobody is watched over says so, and whom to ring.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.contracts.envelope import Newer
from shared.decider import Rejected
from shared.runtime.asking import CrossSite
from shared.runtime.identity import Forbidden, NoIdentity
from shared.runtime.log import OtherContent, Unavailable, WrongExpectedVersion
from shared.runtime.postgres import LOST
from shared.runtime.records import Malformed
from shared.runtime.watch import ImpairedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.watch import Watch

log = structlog.get_logger()

SENTENCES = {
    "no_identity": "Send the token that was issued to you as 'Authorization: Bearer …'.",
    "cross_site": "Your browser says that another site sent this; open Lonewatch's own page and do it there, or show a token.",
    "forbidden": "You hold no role here that may do this; ask an administrator of the site for it.",
    "invalid": "The request is not as it should be; each entry of 'errors' says what is wrong where.",
    "other_content": "This Idempotency-Key was used before for another request; use a new key for a new request.",
    "busy": "Others changed the same thing at the same moment; send the request again.",
    "unavailable": "The log cannot be reached, so it is not known whether this took effect; send it again with the same Idempotency-Key.",
    "malformed": "The request cannot be stored.",
    "watch_impaired": "Nobody can be watched over at this moment, so no visit is approved or started; 'ring' says whom to ring.",
    "no_such_path": "There is nothing at this address; see openapi.json for what there is.",
    "not_possible": "This cannot be done at this address; see openapi.json for what can.",
    "failed": "Something failed here; the lines of the service say where. Send it again with the same Idempotency-Key.",
}
"""The sentence of each code that every service may answer."""

TRY_AGAIN = {"Retry-After": "10"}
"""Seconds until it is worth asking again: a service that was restarted has finished a cycle by then."""


def problem(
    status: int, code: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Answer with a problem: a code for machines, a sentence for people. Never what was sent."""
    body = {
        "status": status,
        "code": code,
        "title": code.replace("_", " "),
        "detail": detail or SENTENCES[code],
        **more,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def unavailable(watch: Watch) -> JSONResponse:
    """Answer that it is not known what became of a request, whom to ring instead, and what is wrong with the watch."""
    return problem(503, "unavailable", headers=TRY_AGAIN, ring=watch.ring, **_told(watch))


def _told(watch: Watch) -> dict[str, Any]:
    return {"watch": watch.impairment.shown()} if watch.impairment else {}


def add_problems(app: FastAPI, refusals: Mapping[str, str], watch: Watch) -> None:
    """Turn what is raised below into problems."""

    async def rejected(_request: Request, error: Any) -> Response:
        status = 404 if error.code.endswith("_unknown") else 409
        return problem(status, error.code, refusals[error.code], **_told(watch))

    async def invalid(_request: Request, error: Any) -> Response:
        errors = [{"where": ".".join(map(str, item["loc"])), "what": item["msg"]} for item in error.errors()]
        return problem(422, "invalid", errors=errors)

    async def malformed(_request: Request, error: Exception) -> Response:
        return problem(422, "malformed", str(error))

    async def http(_request: Request, error: Any) -> Response:
        code = "no_such_path" if error.status_code == HTTPStatus.NOT_FOUND else "not_possible"
        return problem(error.status_code, code)

    async def nobody(request: Request, _error: Exception) -> Response:
        # Whoever calls for help, or says that something is the matter, must learn that nobody was told.
        in_danger = request.scope.get("path", "").endswith(("/help", "/situations"))
        return problem(401, "no_identity", ring=watch.ring) if in_danger else problem(401, "no_identity")

    async def impaired(_request: Request, _error: Exception) -> Response:
        why = watch.impairment.why if watch.impairment else ()  # it may be over by now; the caller tries again
        return problem(503, "watch_impaired", headers=TRY_AGAIN, why=list(why), ring=watch.ring)

    async def lost(_request: Request, _error: Exception) -> Response:
        return unavailable(watch)

    async def failed(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.scope.get("path", "").split("/")[1:3], exc_info=error)
        return problem(500, "failed", ring=watch.ring, **_told(watch))

    app.add_exception_handler(Rejected, rejected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Malformed, malformed)
    app.add_exception_handler(HTTPException, http)
    for kind, status, code in (
        (Forbidden, 403, "forbidden"),
        (CrossSite, 403, "cross_site"),
        (OtherContent, 409, "other_content"),
        (WrongExpectedVersion, 409, "busy"),
    ):
        app.add_exception_handler(kind, _fixed(status, code))
    app.add_exception_handler(NoIdentity, nobody)
    app.add_exception_handler(ImpairedError, impaired)
    for unreached in (Unavailable, Newer, *LOST):  # what a later release wrote a replica of that one reads
        app.add_exception_handler(unreached, lost)
    app.add_exception_handler(Exception, failed)


def _fixed(status: int, code: str) -> Any:
    async def handler(_request: Request, _error: Exception) -> Response:
        return problem(status, code)

    return handler
