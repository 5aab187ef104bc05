"""The front: one address for four services. Forwards requests; when a replica does not answer, asks another.

Every request that changes something carries an id, so asking again is safe: the log answers a repeat with the first
answer. Keeps nothing and reads no content.
"""

from __future__ import annotations

import resource
import secrets
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from deploy.asking import Asked, Replicas, ask
from deploy.front_answers import is_for_reading, problem, unavailable, unavailable_page
from deploy.front_settings import FrontSettings
from shared.runtime.configured import cannot_start, configured
from shared.runtime.settings import RING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

GIVE_UP_AFTER = 12.0
"""Seconds after which the caller is told that nobody answers: longer than the restart of a service."""

URGENT_WITHIN = 7.8
"""Seconds after which somebody who may be in danger is told so: they must learn within eight that they have to ring."""

URGENT = frozenset({"help", "help-by-password", "check-ins", "situations", "outcome"})
"""Last words of the paths of what cannot wait longer."""

LARGEST_BODY = 1024 * 1024
"""Bytes of a request: the largest is an operator's policy, of some kilobytes."""

KEPT = 3.0
"""Seconds for which an unused connection to a replica is kept: a replica hangs up after five, and must not be first."""

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}
_CHANGING = {"POST", "PUT", "DELETE", "PATCH"}


def create_front(services: Mapping[str, Sequence[str]], ring: str = RING) -> Starlette:
    """Return the front for services and the addresses of their replicas; ``ring`` says whom to ring when all are silent."""
    limits = httpx2.Limits(max_connections=None, keepalive_expiry=KEPT)
    none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # kept, one person's session would be sent for another
    client = httpx2.AsyncClient(limits=limits, trust_env=False, cookies=none)
    replicas = {service: Replicas(addresses) for service, addresses in services.items()}

    async def forward(request: Request) -> Response:
        words = request.url.path.strip("/").split("/")
        service, last = words[0], words[-1]
        if service not in services:
            return problem(404, "no_such_path", f"There is nothing here. Ask for one of: /{', /'.join(services)}.")
        if last == "metrics":
            return problem(
                404, "no_such_path", "Metrics are not shown here: they tell whoever watches them what happens."
            )
        body = await _body(request)
        if body is None and last != "help":
            return problem(413, "too_large", f"A request may have {LARGEST_BODY} bytes; send less.", ring=ring)
        asked = Asked(request.method, _path(request), _headers(request), body or b"")
        answer = await ask(client, replicas[service], asked, URGENT_WITHIN if last in URGENT else GIVE_UP_AFTER)
        if answer is not None:
            return _passed_on(answer)
        return unavailable_page(ring) if is_for_reading(request) else unavailable(service, ring)

    async def start_page(_request: Request) -> Response:
        return RedirectResponse("/checkin/")

    methods = ["GET", "HEAD", *sorted(_CHANGING)]
    return Starlette(routes=[Route("/", start_page), Route("/{path:path}", forward, methods=methods)])


def _path(request: Request) -> bytes:
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return path + (b"?" + query if query else b"")


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers to pass on, with an id for what changes something and has none."""
    headers = [(name, value) for name, value in request.headers.raw if name.decode("latin-1") not in _HOP_BY_HOP]
    if request.method in _CHANGING and "idempotency-key" not in request.headers:
        headers.append((b"idempotency-key", secrets.token_hex(16).encode()))
    return headers


async def _body(request: Request) -> bytes | None:
    """Read a body, or leave one that is too large and return None. A call for help goes on without it."""
    body = b""
    async for chunk in request.stream():
        if len(body) <= LARGEST_BODY:
            body += chunk
    return body if len(body) <= LARGEST_BODY else None


def _passed_on(answer: httpx2.Response) -> Response:
    """Return a replica's answer as it came."""
    response = Response(answer.content, answer.status_code)
    response.raw_headers += [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.lower().decode("latin-1") not in _HOP_BY_HOP | {"content-encoding"}
    ]
    return response


def _take_connections() -> None:
    """Let this process hold as many connections as the machine allows: each request takes two, or three."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Run the front as LONEWATCH_FRONT describes it."""
    settings = configured("front", FrontSettings)
    try:
        tls = settings.front.tls()
    except ValueError as error:
        cannot_start("front", str(error))
    _take_connections()
    uvicorn.run(
        create_front(settings.front.services, settings.ring),
        host=settings.front.host,
        port=settings.front.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=False,
        **tls,
    )


if __name__ == "__main__":
    main()
