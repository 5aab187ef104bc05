"""What passwords and sessions share: whether a password is right, how wrong ones are counted, and what the log keeps of it.

No password is ever part of a request's digest: nothing in the log can be compared with one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from unicodedata import normalize

from services.checkin.application.core import Core
from services.checkin.domain import MOST_WRONG, WORKER, WRONG_WITHIN, LockSignIn
from shared.contracts.base import stream_of
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.log import By

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from services.checkin.domain import WorkerCommand
    from shared.decider import Rejected
    from shared.runtime.accounts import Account
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded

_BY = "system:checkin.accounts"
"""Who locks: no person does."""


class Locked(Exception):  # noqa: N818 -- says what was found
    """Nobody signs in by this login for ``left``."""

    def __init__(self, left: timedelta) -> None:
        super().__init__("sign_in_locked")
        self.left = left


class Signing(Core):
    """Judges passwords, and locks where too many were wrong."""

    async def _login_hash(self, login: str) -> bytes:
        return await self.keyring.keyed_hash("login", folded(login).encode("utf-8", "surrogatepass"))

    async def _right(self, account: Account | None, password: str, *, urgent: bool = False) -> bool:
        password_hash = account.password_hash if account else None
        return await self.authority.passwords.right(password_hash, password, urgent=urgent)

    async def _count_wrong(self, worker_id: str) -> None:
        """Count a wrong password, and lock where there were too many."""
        now = (await self.commands.load([stream_of("worker", worker_id)])).now
        failures = await self.authority.accounts.count_wrong(worker_id, now, WRONG_WITHIN)
        if failures < MOST_WRONG:
            return
        by = By(actor=_BY, correlation_id=new_id())
        await self._signing("lock_sign_in", by, worker_id, lambda now: LockSignIn(failures, now))
        # A crash here leaves them counted: the next wrong one after the lock locks again at once.
        await self.authority.accounts.forget_wrong(worker_id)

    async def _or_locked(self, rejected: Rejected, worker_id: str) -> Exception:
        """Return what to raise: for a lock, how long it lasts."""
        if rejected.code != "sign_in_locked":
            return rejected
        stream_id = stream_of("worker", worker_id)
        loaded = await self.commands.load([stream_id])
        until_at = WORKER.fold(loaded[stream_id].events).signing.locked_until_at
        return Locked(max(until_at - loaded.now, timedelta(0)) if until_at else timedelta(0))

    async def _signing(
        self,
        name: str,
        by: By,
        worker_id: str,
        make: Callable[[datetime], WorkerCommand],
        guards: Mapping[str, int] | None = None,
    ) -> Handled:
        """Handle a command that came with a password: under no id, so that the log keeps no digest of it."""
        stream_id = stream_of("worker", worker_id)

        def decide(loaded: Loaded) -> Decided:
            written = write(WORKER, loaded[stream_id], lambda state: WORKER.decide(make(loaded.now), state))
            return Decided([written], guards or {}, {"worker_id": worker_id})

        return await self.commands.handle(name, [stream_id], decide, by)


def folded(text: str) -> str:
    """Return a login as it is compared: however it was typed, large or small, composed or not."""
    return normalize("NFKC", text).strip().casefold()
