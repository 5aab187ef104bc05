"""HTTP as every service speaks it: identity, ids of requests, problems (RFC 9457), health and metrics.

Parses and answers; decides nothing. A route's name is its operation in the table of permissions.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import structlog
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException

from shared.decider import Rejected
from shared.runtime.asking import CrossSite, identify
from shared.runtime.identity import Forbidden, Identity, NoIdentity
from shared.runtime.ids import new_id
from shared.runtime.log import By, OtherContent, Outside, Unavailable, WrongExpectedVersion
from shared.runtime.patience import Patience
from shared.runtime.postgres import LOST
from shared.runtime.records import Malformed
from shared.runtime.status import Status
from shared.runtime.telemetry import FEED_AGE, FRESH, REGISTRY
from shared.runtime.watch import ImpairedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.commands import Handled
    from shared.runtime.service import Running
    from shared.runtime.watch import Watch

log = structlog.get_logger()

_SENTENCES = {
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

TRY_AGAIN = {"Retry-After": "10"}
"""Seconds until it is worth asking again: a service that was restarted has finished a cycle by then."""

_PLAIN_KEY = re.compile(r"[\x21-\x7e]{1,128}")
"""An Idempotency-Key that is kept as it is."""


def problem(
    status: int, code: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Answer with a problem: a code for machines, a sentence for people. Never what was sent."""
    body = {
        "status": status,
        "code": code,
        "title": code.replace("_", " "),
        "detail": detail or _SENTENCES[code],
        **more,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def unavailable(watch: Watch) -> JSONResponse:
    """Answer that it is not known what became of a request, whom to ring instead, and what is wrong with the watch."""
    return problem(503, "unavailable", headers=TRY_AGAIN, ring=watch.ring, **_told(watch))


def _told(watch: Watch) -> dict[str, Any]:
    return {"watch": watch.impairment.shown()} if watch.impairment else {}


@dataclass(frozen=True)
class Caller:
    """Who sent a request, under which id, and a keyed hash of its content."""

    identity: Identity
    outside: Outside
    correlation_id: str

    @property
    def by(self) -> By:
        """What the caller's events say of them."""
        return By(actor=self.identity.worker_id, correlation_id=self.correlation_id)


async def reader(request: Request) -> Identity:
    """Say who is asking, by a token or by a session. Raises NoIdentity and CrossSite."""
    return await identify(request)


async def reader_for_help(request: Request) -> Identity:
    """Say who calls for help: by a session that has expired, too. Raises NoIdentity."""
    return await identify(request, for_help=True)


async def caller(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Caller:
    """Say who commands, and make the request's id and keyed hash. Without an Idempotency-Key a repeat is a new request."""
    running: Running = request.app.state.running
    key = idempotency_key or new_id()
    if not _PLAIN_KEY.fullmatch(key):  # no key keeps a call for help out; the same one is still the same request
        key = f"sha256:{sha256(key.encode()).hexdigest()}"
    where = f"{request.method} {request.url.path}?{request.url.query}"
    digest = await request_digest(running, where, await request.body())
    return Caller(identity, Outside(f"http:{identity.worker_id}", key, digest), key)


async def request_digest(running: Running, where: str, body: bytes) -> bytes:
    """Return the keyed hash of a request: the same request gives the same hash, whatever its body's spacing."""
    with suppress(orjson.JSONDecodeError):  # an empty body, or one that is refused later, is hashed as it is
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return await running.keyring.keyed_hash("digest", where.encode() + b"\n" + body)


def answer(handled: Handled) -> dict[str, Any]:
    """Return what a command answers: the first answer, where in the log it stands, when it was recorded, and what of the watch."""
    outcome = handled.outcome
    told = {"watch": handled.watch.shown()} if handled.watch else {}
    return {**handled.decided.answer, "position": outcome.last_position, "recorded_at": outcome.recorded_at, **told}


def create_app(running: Running, refusals: Mapping[str, str], title: str) -> FastAPI:
    """Return an application with health, metrics and problems; its routes begin with the service's name."""
    prefix = f"/{running.name}"
    app = FastAPI(
        title=title, version=running.release, openapi_url=f"{prefix}/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.running = running
    _add_problems(app, refusals, running.watch)
    app.add_middleware(Patience, instead=lambda: unavailable(running.watch))

    @app.get("/healthz", name="healthz", include_in_schema=False)
    @app.get(f"{prefix}/healthz", name="healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @app.get("/readyz", name="readyz", include_in_schema=False)
    @app.get(f"{prefix}/readyz", name="readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """Say whether every loop has finished a cycle lately and no record waits too long."""
        stale, oldest = await _readiness(running)
        response.status_code = 503 if stale else 200
        impaired = running.watch.impairment
        return {
            "ready": not stale,
            "stale": stale,
            "oldest_waiting_seconds": oldest,
            "cycles": running.cycles.ages(),
            "watch": {"impaired": True, "why": list(impaired.why)} if impaired else {"impaired": False},
        }

    status = Status(running.pool, running.watch)

    @app.get(f"{prefix}/status", name="read_status")
    async def read_status(identity: Annotated[Identity, Depends(reader)]) -> dict[str, Any]:
        """Say how all services are: replicas, backlogs, what is overdue, what is not settled, and the heartbeat."""
        await running.authority.authorise(identity, "read_status", None)
        return {"release": running.release, **await status.read()}

    @app.get("/metrics", name="metrics", include_in_schema=False)
    @app.get(f"{prefix}/metrics", name="metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Show the metrics in Prometheus' text format."""
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

    from shared.runtime.parked_api import parked_router  # noqa: PLC0415 -- its routes stand on this module

    app.include_router(parked_router(running))
    return app


async def _readiness(running: Running) -> tuple[list[str], float | None]:
    """Return what is stale, and the age of the oldest record waiting. One stuck shard is a metric; nothing moving is not."""
    fresh = FRESH.total_seconds()
    ages = running.cycles.ages()
    stale = [f"{loop} has finished no cycle lately" for loop in running.loops if ages.get(loop, fresh + 1) > fresh]
    try:
        oldest = await running.feed.oldest()
    except LOST:
        return [*stale, "the log cannot be read"], None
    FEED_AGE.set(oldest)
    if oldest > fresh and running.feed.still_for() > fresh:
        stale.append("records wait to be applied and no position moves")
    return stale, oldest


def _add_problems(app: FastAPI, refusals: Mapping[str, str], watch: Watch) -> None:
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
        (NoIdentity, 401, "no_identity"),
        (Forbidden, 403, "forbidden"),
        (CrossSite, 403, "cross_site"),
        (OtherContent, 409, "other_content"),
        (WrongExpectedVersion, 409, "busy"),
    ):
        app.add_exception_handler(kind, _fixed(status, code))
    app.add_exception_handler(ImpairedError, impaired)
    for unreached in (Unavailable, *LOST):
        app.add_exception_handler(unreached, lost)
    app.add_exception_handler(Exception, failed)


def _fixed(status: int, code: str) -> Any:
    async def handler(_request: Request, _error: Exception) -> Response:
        return problem(status, code)

    return handler
