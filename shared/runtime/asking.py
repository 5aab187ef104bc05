"""Who sent a request: a bearer token, or else the cookie of a session. Knows HTTP; what either stands for is identity's.

A cookie goes along whoever made the browser send the request, so by a cookie nothing is changed from another site.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from shared.runtime.identity import Identity, NoIdentity

if TYPE_CHECKING:
    from fastapi import Response

    from shared.runtime.identity import Authority
    from shared.runtime.service import Running

COOKIE = "lonewatch_session"
"""The cookie of a session. No script can read it, and no other site can have it sent."""

_KEPT_FOR = timedelta(days=400)
"""How long a browser keeps the cookie, as long as any does: a session that has expired still takes a call for help."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_OF_OURS = frozenset({"same-origin", "none"})
"""What a browser says of a request that a page of ours, or the person, began."""


_TOKEN = HTTPBearer(scheme_name="token", description="The token that was issued to a person.", auto_error=False)
_SESSION = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    description="The cookie of a session. What changes something must come from Lonewatch's own pages.",
    auto_error=False,
)
"""How the interface describes who is asking: by either. What they stand for is read in ``asking`` alone."""


Token = Annotated[Any, Security(_TOKEN)]
Session = Annotated[Any, Security(_SESSION)]
"""What a route declares that asks who it is in its own way."""


class CrossSite(Exception):  # noqa: N818 -- says what was found
    """A request that changes something came from a page of another site."""


async def identify(request: Request, *, for_help: bool = False) -> Identity:
    """Return who is asking: by the token where one is shown, else by the session. Raises NoIdentity and CrossSite.

    ``for_help`` takes a session that has expired, and one beside a token that nobody holds; and it asks no browser where
    the request came from: a false alarm can be stood down, and a cookie of ours is not sent from elsewhere.
    """
    running: Running = request.app.state.running
    authority: Authority = running.authority
    shown, secret = request.headers.get("authorization"), request.cookies.get(COOKIE)
    if shown is not None:
        scheme, _, token = shown.partition(" ")
        try:
            return await authority.identify(token if scheme.lower() == "bearer" else None)
        except NoIdentity:
            if not for_help:
                raise
    if not secret:
        raise NoIdentity
    if request.method not in _READING and not for_help:
        require_same_site(request)
    return await authority.identify_session(secret, for_help=for_help)


async def reader(request: Request, _token: Token, _session: Session) -> Identity:
    """Say who is asking, by a token or by a session. Raises NoIdentity and CrossSite."""
    return await identify(request)


async def reader_for_help(request: Request, _token: Token, _session: Session) -> Identity:
    """Say who calls for help: by a session that has expired, too. Raises NoIdentity."""
    return await identify(request, for_help=True)


def require_same_site(request: Request) -> None:
    """Raise CrossSite unless the browser says that the request began at Lonewatch's own pages, or with the person."""
    public_url = request.app.state.running.settings.public_url.rstrip("/")
    if request.headers.get("sec-fetch-site") in _OF_OURS or request.headers.get("origin") == public_url:
        return
    raise CrossSite


def keep_session(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session."""
    response.set_cookie(COOKIE, secret, max_age=round(_KEPT_FOR.total_seconds()), **_attributes(request))


def drop_session(request: Request, response: Response) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(COOKIE, **_attributes(request))


def _attributes(request: Request) -> dict[str, Any]:
    secure = request.app.state.running.settings.public_url.startswith("https:")
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": secure}
