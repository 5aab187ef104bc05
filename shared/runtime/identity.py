"""Who is asking, and may they: bearer tokens and sessions to persons, grants to permissions. Fails closed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.envelope import Newer
from shared.contracts.grants import Grants, fold_grants
from shared.contracts.roles import Role, may
from shared.runtime.accounts import Accounts
from shared.runtime.clock import monotonic
from shared.runtime.log import load
from shared.runtime.passwords import Passwords
from shared.runtime.pins import Pins
from shared.runtime.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.runtime.postgres import Pool

KEPT = 10.0
"""Seconds for which a known token is not looked up again: a revoked one is refused everywhere after that."""

# The person of a token that is not revoked.
WORKER_OF_TOKEN = "SELECT worker_id FROM credential WHERE token_sha256 = $1 AND revoked_at IS NULL"

# Remember a token, once.
REMEMBER_TOKEN = """
INSERT INTO credential (token_sha256, token_id, worker_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""

# Revoke a token; nothing where it is revoked already.
FORGET_TOKEN = """
UPDATE credential SET revoked_at = clock_timestamp() WHERE token_id = $1 AND revoked_at IS NULL
RETURNING token_sha256
"""


class NoIdentity(Exception):  # noqa: N818 -- says what is missing
    """No token, or one that nobody holds."""


class Forbidden(Exception):  # noqa: N818 -- the status's own word
    """This person may not do this here."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


@dataclass(frozen=True)
class Identity:
    """Whoever is asking."""

    worker_id: str
    session_id: str | None = None
    """Of the session by which they ask; None for a token."""


@dataclass(frozen=True)
class Allowed:
    """That it is allowed, by which roles, and the versions of the grants that this rests on."""

    roles: frozenset[Role]
    guards: Mapping[str, int]


@dataclass(frozen=True)
class _Folded:
    """The grants after a version of a grant stream, and whether all of it could be read."""

    version: int
    grants: Grants
    whole: bool


class Authority:
    """Knows persons by their tokens and what they may do by the grants in the log."""

    def __init__(self, pool: Pool, keys: Pool) -> None:
        """Read grants from the log behind ``pool`` and credentials from the keys database."""
        self._pool = pool
        self._keys = keys
        self.accounts = Accounts(keys)
        self.sessions = Sessions(keys)
        self.passwords = Passwords()
        self.pins = Pins(keys)
        self._known: dict[bytes, tuple[float, str]] = {}
        self._folded: dict[str, _Folded] = {}

    async def identify(self, token: str | None) -> Identity:
        """Return who holds this token. Raises NoIdentity."""
        if not token:
            raise NoIdentity
        digest = sha256(token.encode()).digest()
        kept = self._known.get(digest)
        if kept and monotonic() - kept[0] < KEPT:
            return Identity(kept[1])
        worker_id = await self._keys.fetchval(WORKER_OF_TOKEN, digest)
        if worker_id is None:
            self._known.pop(digest, None)
            raise NoIdentity
        self._known[digest] = (monotonic(), worker_id)
        return Identity(worker_id)

    async def identify_session(self, secret: str | None, *, for_help: bool = False) -> Identity:
        """Return whose session this is. One that has expired, and was not ended, is good ``for_help``. Raises NoIdentity."""
        session = await self.sessions.find(secret) if secret else None
        if session is None or not (session.live or for_help):
            raise NoIdentity
        return Identity(session.worker_id, session.session_id)

    async def remember(self, token: str, token_id: str, worker_id: str) -> None:
        """Let this token stand for a person from now on."""
        await self._keys.execute(REMEMBER_TOKEN, sha256(token.encode()).digest(), token_id, worker_id)

    async def forget(self, token_id: str) -> None:
        """Let this token stand for nobody: here at once, in other processes once they have kept it for ``KEPT``."""
        digest = await self._keys.fetchval(FORGET_TOKEN, token_id)
        self._known.pop(digest, None)

    async def authorise(self, identity: Identity, operation: str, site_id: str | None, *, own: bool = False) -> Allowed:
        """Return the roles by which this person may do this at the site (None: at the operator). Raises Forbidden.

        ``own`` says that the operation concerns the person: their own visit, their own contact points.
        """
        streams = [stream_of("grant", OPERATOR_SITE)]
        if site_id is not None:
            streams.insert(0, stream_of("grant", site_id))
        try:
            folded = await self._grants(streams)
        except Newer:
            raise Forbidden(operation) from None  # a later release knows what this says; here it may be a withdrawal
        if not all(one.whole for one in folded.values()):
            raise Forbidden(operation)  # what cannot be read may have been a withdrawal
        grants = Grants()
        for stream_id in streams:
            grants += folded[stream_id].grants
        roles = grants.roles_of(identity.worker_id)
        if not may(operation, roles, own=own):
            raise Forbidden(operation)
        return Allowed(roles, {stream_id: folded[stream_id].version for stream_id in streams})

    async def _grants(self, streams: Sequence[str]) -> Mapping[str, _Folded]:
        """Return the grants of these streams as they are now. A stream is read again only where its version has moved."""
        newest = await load(self._pool, streams, tails=dict.fromkeys(streams, 1))
        kept = {it: self._folded[it] for it in streams if it in self._folded}
        moved = [it for it in streams if it not in kept or kept[it].version != newest[it].version]
        if moved:
            loaded = await load(self._pool, moved)
            for it in moved:
                stream = loaded[it]
                kept[it] = self._folded[it] = _Folded(
                    stream.version, fold_grants(stream.events), whole=not stream.unreadable
                )
        return kept
