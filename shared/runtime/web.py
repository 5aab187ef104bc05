"""HTTP as every service speaks it: who asks, the ids of requests, what a command answers; and one application of it all.

Parses and answers; decides nothing. A route's name is its operation in the table of permissions.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import Depends, FastAPI, Header, Request

from shared.runtime.asking import reader, reader_for_help
from shared.runtime.health import add_health
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id
from shared.runtime.log import By, Outside
from shared.runtime.patience import Patience
from shared.runtime.problems import add_problems, unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.commands import Handled
    from shared.runtime.receipts import Receipt
    from shared.runtime.service import Running

__all__ = ["Caller", "answer", "caller", "caller_of", "create_app", "reader", "reader_for_help", "request_digest"]

_PLAIN_KEY = re.compile(r"[\x21-\x7e]{1,128}")
"""An Idempotency-Key that is kept as it is."""


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


async def caller(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Caller:
    """Say who commands, and make the request's id and keyed hash. Without an Idempotency-Key a repeat is a new request."""
    return await caller_of(request, identity, idempotency_key, await request.body())


async def caller_of(request: Request, identity: Identity, idempotency_key: str | None, body: bytes) -> Caller:
    """Say who commands, of a request whose content counts as ``body``: less than came, where no hash may be of the rest."""
    running: Running = request.app.state.running
    key = idempotency_key or new_id()
    if not _PLAIN_KEY.fullmatch(key):  # no key keeps a call for help out; the same one is still the same request
        key = f"sha256:{sha256(key.encode()).hexdigest()}"
    where = f"{request.method} {request.url.path}?{request.url.query}"
    digest = await request_digest(running, where, body)
    return Caller(identity, Outside(f"http:{identity.worker_id}", key, digest), key)


async def request_digest(running: Running, where: str, body: bytes) -> bytes:
    """Return the keyed hash of a request: the same request gives the same hash, whatever its body's spacing."""
    with suppress(orjson.JSONDecodeError):  # an empty body, or one that is refused later, is hashed as it is
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return await running.keyring.keyed_hash("digest", where.encode() + b"\n" + body)


def answer(handled: Handled) -> dict[str, Any]:
    """Return what a command answers: the first answer, where in the log it stands, since when, its receipt, what of the watch."""
    outcome = handled.outcome
    place = {"position": outcome.last_position, "recorded_at": outcome.recorded_at}
    told = {"watch": handled.watch.shown()} if handled.watch else {}
    return {**handled.decided.answer, **place, "receipt": shown(outcome.receipt), **told}


def shown(receipt: Receipt | None) -> dict[str, Any] | None:
    """Return a receipt as it is answered; null where nothing was appended."""
    return receipt.shown() if receipt else None


def create_app(running: Running, refusals: Mapping[str, str], title: str) -> FastAPI:
    """Return an application with health, metrics and problems; its routes begin with the service's name."""
    prefix = f"/{running.name}"
    app = FastAPI(
        title=title, version=running.release, openapi_url=f"{prefix}/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.running = running
    add_problems(app, refusals, running.watch)
    app.add_middleware(Patience, instead=lambda: unavailable(running.watch))

    add_health(app, running)
    from shared.runtime.parked_api import parked_router  # noqa: PLC0415 -- its routes stand on this module

    app.include_router(parked_router(running))
    return app
