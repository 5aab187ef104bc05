"""The front: one address for four services. Forwards requests; when a replica does not answer, tries another.

Every request that changes something carries an id, so trying again is safe: the log answers a repeat with the first
answer. Keeps nothing and reads no content.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from typing import TYPE_CHECKING

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

TRY_ANOTHER_AFTER = 2.0
"""Seconds without an answer after which another replica is asked with the same id."""

GIVE_UP_AFTER = 12.0
"""Seconds after which the caller is told that nobody answers: longer than the restart of a service."""

LARGEST_BODY = 1024 * 1024
"""Bytes of a request: the largest is an operator's policy, of some kilobytes."""

_PAUSE = 0.2
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}
_CHANGING = {"POST", "PUT", "DELETE", "PATCH"}


def create_front(services: Mapping[str, Sequence[str]]) -> Starlette:
    """Return the front for services and the addresses of their replicas."""
    client = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None), trust_env=False)

    async def forward(request: Request) -> Response:
        service = request.url.path.split("/")[1]
        if service not in services:
            return _problem(404, "no_such_path", f"There is nothing here. Ask for one of: /{', /'.join(services)}.")
        body = await _body(request)
        if body is None and not request.url.path.endswith("/help"):
            return _problem(413, "too_large", f"A request may have {LARGEST_BODY} bytes; send less.")
        headers = [(name, value) for name, value in request.headers.raw if name.decode("latin-1") not in _HOP_BY_HOP]
        if request.method in _CHANGING and "idempotency-key" not in request.headers:
            headers.append((b"idempotency-key", secrets.token_hex(16).encode()))
        query = b"?" + request.scope["query_string"] if request.scope["query_string"] else b""
        path = request.scope["raw_path"] + query
        return await _ask(client, services[service], request.method, path, headers, body or b"")

    async def start_page(_request: Request) -> Response:
        return RedirectResponse("/checkin/")

    methods = ["GET", "HEAD", *sorted(_CHANGING)]
    return Starlette(routes=[Route("/", start_page), Route("/{path:path}", forward, methods=methods)])


async def _body(request: Request) -> bytes | None:
    """Read a body, or leave one that is too large and return None. A call for help goes on without it."""
    body = b""
    async for chunk in request.stream():
        if len(body) <= LARGEST_BODY:
            body += chunk
    return body if len(body) <= LARGEST_BODY else None


async def _ask(
    client: httpx2.AsyncClient,
    replicas: Sequence[str],
    method: str,
    path: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
) -> Response:
    """Ask one replica after another until one answers."""
    loop = asyncio.get_running_loop()
    until = loop.time() + GIVE_UP_AFTER
    turn = 0
    while loop.time() < until:
        url = httpx2.URL(replicas[turn % len(replicas)]).copy_with(raw_path=path)
        turn += 1
        patience = TRY_ANOTHER_AFTER if len(replicas) > 1 else until - loop.time()
        try:
            answer = await client.request(method, url, headers=list(headers), content=body, timeout=patience)
        except httpx2.TimeoutException:
            continue
        except httpx2.TransportError:
            await asyncio.sleep(_PAUSE)  # gone or starting: whoever runs it starts it again
            continue
        response = Response(answer.content, answer.status_code)
        response.raw_headers += [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower().decode("latin-1") not in _HOP_BY_HOP | {"content-encoding"}
        ]
        return response
    return _problem(
        503,
        "unavailable",
        "The service does not answer. If somebody is in danger, ring them, and the emergency services.",
    )


def _problem(status: int, code: str, detail: str) -> Response:
    body = {"status": status, "code": code, "title": code.replace("_", " "), "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def main() -> None:
    """Run the front as the local runner describes it in LONEWATCH_FRONT."""
    described = json.loads(os.environ["LONEWATCH_FRONT"])
    uvicorn.run(
        create_front(described["services"]),
        host="127.0.0.1",
        port=described["port"],
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )


if __name__ == "__main__":
    main()
