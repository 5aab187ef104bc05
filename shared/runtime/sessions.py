"""Sessions in the keys database: who signed in, and until when.

Decides nothing: whether somebody may sign in is checkin's. What a cookie holds is kept nowhere, only its SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from shared.runtime.clock import monotonic
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from datetime import datetime

    from shared.runtime.accounts import Account
    from shared.runtime.postgres import Pool

log = structlog.get_logger()

KEPT = 10.0
"""Seconds for which a known session is not looked up again: an ended one is refused everywhere after that, as a token is."""

LASTS = timedelta(hours=12)
"""How long a session lasts after it was last used: a day's work, and not the night after it."""

REFRESHED_AFTER = timedelta(minutes=1)
"""A session that was used is not written again sooner: twelve hours need not be exact to the second."""

# The session of a cookie that was not ended; whether it has not expired, and whether it was not refreshed lately.
SESSION = """
SELECT worker_id, session_id, expires_at > clock_timestamp() AS live,
    expires_at < clock_timestamp() + $2::interval AS ages
FROM session WHERE session_sha256 = $1 AND ended_at IS NULL
"""

# Let a session that is in use last on; one that has expired stays so.
REFRESH = """
UPDATE session SET expires_at = clock_timestamp() + $2
WHERE session_sha256 = $1 AND ended_at IS NULL AND expires_at > clock_timestamp()
"""

# Begin a session, unless the password by which it begins was changed or removed meanwhile: a change waits for this.
BEGIN = """
INSERT INTO session (session_sha256, session_id, worker_id, expires_at)
SELECT $1, $2, a.worker_id, clock_timestamp() + $5 FROM account a WHERE a.worker_id = $3 AND a.password_hash = $4 FOR SHARE
RETURNING expires_at
"""

# End one session of a person, or all of them.
END = """
UPDATE session SET ended_at = clock_timestamp()
WHERE worker_id = $1 AND ended_at IS NULL AND ($2::text IS NULL OR session_id = $2) RETURNING session_sha256
"""


@dataclass(frozen=True)
class Session:
    """Whose session it is. One that is not ``live`` has expired: it takes a call for help and nothing else."""

    worker_id: str
    session_id: str
    live: bool


class Sessions:
    """The sessions of the installation."""

    def __init__(self, keys: Pool) -> None:
        """Use the keys database behind ``keys``."""
        self._keys = keys
        self._known: dict[bytes, tuple[float, Session]] = {}

    async def find(self, secret: str) -> Session | None:
        """Return the session of a cookie, letting one that is in use last on; None where it was ended or never was."""
        digest = sha256(secret.encode("utf-8", "surrogateescape")).digest()
        kept = self._known.get(digest)
        if kept and monotonic() - kept[0] < KEPT:
            return kept[1]
        row = await self._keys.fetchrow(SESSION, digest, LASTS - REFRESHED_AFTER)
        if row is None:
            self._known.pop(digest, None)
            return None
        session = Session(row["worker_id"], row["session_id"], row["live"])
        if session.live and row["ages"]:
            await self._refresh(digest)
        self._known[digest] = (monotonic(), session)
        return session

    async def _refresh(self, digest: bytes) -> None:
        """Let a session last on. Where that cannot be written, it is asked for again with the next request."""
        try:
            await self._keys.execute(REFRESH, digest, LASTS)
        except LOST as error:
            log.warning("session_not_refreshed", error=type(error).__name__)

    async def begin(self, secret: str, session_id: str, account: Account) -> datetime | None:
        """Begin a session; return when it expires, or None where the password is no longer that of ``account``."""
        digest = sha256(secret.encode()).digest()
        expires_at: datetime | None = await self._keys.fetchval(
            BEGIN, digest, session_id, account.worker_id, account.password_hash, LASTS
        )
        return expires_at

    async def end(self, worker_id: str, session_id: str | None = None) -> None:
        """End a session of a person, or all: here at once, in other processes once they have kept it for ``KEPT``."""
        for row in await self._keys.fetch(END, worker_id, session_id):
            self._known.pop(row["session_sha256"], None)
