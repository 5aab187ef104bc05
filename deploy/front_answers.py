"""What the front itself answers, in the place of a service: problems for programs, a page for people."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lonewatch does not answer</title>
<h1>Lonewatch does not answer</h1>
<p><strong>RING</strong></p>
<p>It is not known whether what you did took effect. Load this page again in a few seconds.</p>
</html>
"""
"""What a person sees whose link leads to a service that does not answer. Needs nothing that might be away, too."""

_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}


def unavailable(service: str, ring: str) -> Response:
    """Say that nobody answers, that therefore nobody watches as far as the front knows, and whom to ring."""
    why = [f"no replica of {service} answers"]
    return problem(
        503,
        "unavailable",
        f"The service does not answer, so it is not known whether this took effect. {ring}",
        ring=ring,
        watch={"impaired": True, "why": why, "ring": ring},
    )


def is_for_reading(request: Request) -> bool:
    """Say whether a browser asks for something to show to a person."""
    return "text/html" in request.headers.get("accept", "")


def unavailable_page(ring: str) -> Response:
    """Say the same to somebody who followed a link or pressed a button."""
    return HTMLResponse(_PAGE.replace("RING", escape(ring)), 503, {**_PAGE_HEADERS, "Retry-After": "10"})


def problem(status: int, code: str, detail: str, **more: object) -> Response:
    """Answer with a problem, as the services do."""
    body = {"status": status, "code": code, "title": code.replace("_", " "), "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")
