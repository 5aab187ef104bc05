"""Speak to a running Lonewatch over HTTP, as any other program would. Used by the command and by the demo."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 20.0
"""Seconds for one request: the front itself gives up after 12."""


class RefusedError(RuntimeError):
    """Lonewatch refused or could not be reached. The message says why and what to do; ``code`` is for programs.

    ``watch`` is what the refusal said of the watch: that it is impaired, why, and whom to ring; None where it said nothing.
    """

    def __init__(self, code: str, message: str, watch: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.watch = watch


class Client:
    """A person's client: their token on every request."""

    def __init__(self, url: str, token: str | None) -> None:
        if not re.fullmatch(r"[\x21-\x7e]*", token or ""):
            raise RefusedError(
                "bad_token", "The token has characters that no token has; copy it again, without spaces."
            )
        self._url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> Any:
        """Return what a path answers. Raises RefusedError."""
        return (await self._ask("GET", path, params=query)).json()

    async def download(self, path: str, kind: str) -> bytes:
        """Return a file of this media type. Raises RefusedError."""
        return (await self._ask("GET", path, kind=kind)).content

    async def ask(self, method: str, path: str, body: Any) -> Any:
        """Send any request; a body only where the method takes one. Raises RefusedError."""
        more = {} if method == "GET" else {"json": body}
        return (await self._ask(method, path, **more)).json()

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a command and return its answer. Raises RefusedError."""
        return (await self._ask("POST", path, json=body or {})).json()

    async def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Replace something. Raises RefusedError."""
        return (await self._ask("PUT", path, json=body)).json()

    async def _ask(self, method: str, path: str, *, kind: str = "application/json", **more: Any) -> httpx2.Response:
        headers = {} if method == "GET" else {"Idempotency-Key": secrets.token_hex(16)}
        try:
            try:
                answer = await self._http.request(method, path, headers=headers, **more)
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
                # A connection that was kept too long; the key makes it safe to send again.
                answer = await self._http.request(method, path, headers=headers, **more)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise RefusedError(
                "bad_address", f"{self._url} is no address; give one such as http://127.0.0.1:8080."
            ) from None
        except httpx2.TransportError:
            message = (
                f"Nothing answers at {self._url}. Start Lonewatch with 'lonewatch up', or give its address with --url."
            )
            raise RefusedError("not_reached", message) from None
        if answer.is_success and answer.headers.get("content-type", "").startswith(kind):
            return answer
        try:
            said = answer.json()
            message, code, watch = said["detail"], said["code"], said.get("watch")
            for one in said.get("errors", ()):
                message += f"\n  {one['where']}: {one['what']}"
            message += "".join(f"\n  {name}: {said[name]}" for name in ("reason", "place", "ring") if said.get(name))
        except (ValueError, KeyError):
            message, code = f"{self._url}{path} answered {answer.status_code}; is it a Lonewatch?", "not_lonewatch"
            watch = None
        raise RefusedError(code, message, watch)
