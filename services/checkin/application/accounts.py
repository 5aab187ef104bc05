"""Passwords and sessions: set, removed, signed in with, ended; and calls for help by a password. Raises Forbidden and Rejected.

The log has that somebody signed in; what opens is in the keys database, changed after the log and never before it. No
password is ever part of a request's digest: nothing in the log can be compared with one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from unicodedata import normalize

from services.checkin.application.help import Help
from services.checkin.application.tokens import Tokens
from services.checkin.domain import (
    MOST_WRONG,
    WORKER,
    WRONG_WITHIN,
    EndSessions,
    LockSignIn,
    RemovePassword,
    SetPassword,
    SignIn,
)
from shared.contracts.base import stream_of
from shared.contracts.roles import Role
from shared.decider import Rejected
from shared.runtime.accounts import LoginTaken
from shared.runtime.commands import Decided, write
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id, new_token
from shared.runtime.log import By, Outside
from shared.runtime.web import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from services.checkin.domain import WorkerCommand
    from shared.runtime.accounts import Account
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded

_BY = "system:checkin.accounts"
"""Who locks: no person does."""

_NOBODYS = "nobody"
"""Whose history is looked at for a login that nobody has, so that the answer takes as long and fails alike."""


class Locked(Exception):  # noqa: N818 -- says what was found
    """Nobody signs in by this login for ``left``."""

    def __init__(self, left: timedelta) -> None:
        super().__init__("sign_in_locked")
        self.left = left


@dataclass(frozen=True)
class Begun:
    """A session that has just begun, and what its cookie holds."""

    worker_id: str
    expires_at: datetime
    secret: str = field(repr=False)


class Accounts(Tokens, Help):
    """The passwords and sessions of persons, beside their tokens."""

    async def set_password(
        self, caller: Caller, worker_id: str, login: str, password: str, current: str | None
    ) -> Handled:
        """Give a person a login and a password, and end their sessions. Whoever is no administrator shows the current one."""
        own = worker_id == caller.identity.worker_id
        allowed = await self._authorise("set_password", caller, worker_id, own=own)
        right = None if Role.ADMINISTRATOR in allowed.roles else await self._is_current(worker_id, current)
        login_hash = await self._login_hash(login)
        holder = await self.authority.accounts.by_login(login_hash)
        taken = holder is not None and holder.worker_id != worker_id
        is_login = _folded(password) == _folded(login)
        password_hash = await self.authority.passwords.hash(password)
        try:
            handled = await self._signing(
                "set_password",
                caller.by,
                worker_id,
                lambda now: SetPassword(right, is_login, taken, now),
                allowed.guards,
            )
            # A crash here leaves the password as it was, though the log says that it was set: send it again.
            await self.authority.accounts.set(worker_id, login_hash, password_hash)
        except LoginTaken:  # by somebody who was first a moment ago
            raise Rejected("login_taken") from None
        except Rejected as rejected:
            if rejected.code == "current_password_wrong" and current is not None:
                await self._count_wrong(worker_id)
            raise await self._or_locked(rejected, worker_id) from None
        await self.authority.sessions.end(worker_id)
        return handled

    async def remove_password(self, caller: Caller, worker_id: str) -> Handled:
        """Let a person sign in no more, and end their sessions. Their tokens go on."""
        own = worker_id == caller.identity.worker_id
        allowed = await self._authorise("remove_password", caller, worker_id, own=own)
        handled = await self._on_worker("remove_password", caller, worker_id, RemovePassword, allowed.guards, {})
        # A crash here leaves a password that still opens and is removed in the log: sent again, the same command ends it.
        await self.authority.accounts.remove(worker_id)
        await self.authority.sessions.end(worker_id)
        return handled

    async def end_sessions(self, caller: Caller, worker_id: str) -> Handled:
        """End every session of a person."""
        own = worker_id == caller.identity.worker_id
        allowed = await self._authorise("end_sessions", caller, worker_id, own=own)
        handled = await self._on_worker(
            "end_sessions", caller, worker_id, lambda now: EndSessions(None, now), allowed.guards, {}
        )
        await self.authority.sessions.end(worker_id)  # after a crash before this, the same command ends them
        return handled

    async def sign_in(self, login: str, password: str) -> Begun:
        """Begin a session of whoever has this login and password. Raises Locked, whether or not it was right."""
        account = await self.authority.accounts.by_login(await self._login_hash(login))
        right = await self._right(account, password)
        if account is None:
            raise Rejected("wrong_login_or_password")
        session_id, secret = new_id(), new_token()
        by = By(actor=account.worker_id, correlation_id=session_id)
        try:
            await self._signing("sign_in", by, account.worker_id, lambda now: SignIn(session_id, right, now))
        except Rejected as rejected:
            if rejected.code == "wrong_login_or_password":
                await self._count_wrong(account.worker_id)
            raise await self._or_locked(rejected, account.worker_id) from None
        if self.authority.passwords.outdated(account.password_hash):
            again = await self.authority.passwords.hash(password)
            account = await self.authority.accounts.rehash(account, again)
        # A crash here leaves the record of a session that nobody holds: sign in again.
        expires_at = await self.authority.sessions.begin(secret, session_id, account)
        if expires_at is None:  # the password was changed or removed meanwhile
            raise Rejected("wrong_login_or_password")
        await self.authority.accounts.forget_wrong(account.worker_id)
        return Begun(account.worker_id, expires_at, secret)

    async def sign_out(self, identity: Identity) -> None:
        """End the session by which somebody asks."""
        by = By(actor=identity.worker_id, correlation_id=new_id())
        await self._signing("sign_out", by, identity.worker_id, lambda now: EndSessions(identity.session_id, now))
        await self.authority.sessions.end(identity.worker_id, identity.session_id)

    async def help_by_password(self, login: str, password: str, note: str | None, key: str) -> None:
        """Take a call for help of whoever has this login and password, locked or not; say nobody's to nobody."""
        account = await self.authority.accounts.by_login(await self._login_hash(login))
        worker_id = account.worker_id if account else _NOBODYS
        await self.commands.load(
            [stream_of("worker", worker_id)]
        )  # a log that is away is away for right and wrong ones
        right = await self._right(account, password, urgent=True)
        if account is None:
            return
        if not right:
            await self._count_wrong(worker_id)
            return
        said = f"help_by_password\n{worker_id}\n{note or ''}".encode("utf-8", "surrogatepass")
        digest = await self.keyring.keyed_hash("digest", said)
        key = f"help:{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
        caller = Caller(Identity(worker_id), Outside(f"http:{worker_id}", key, digest), key)
        await self.ask_for_help_without_visit(caller, worker_id, note, None)

    async def _login_hash(self, login: str) -> bytes:
        return await self.keyring.keyed_hash("login", _folded(login).encode("utf-8", "surrogatepass"))

    async def _right(self, account: Account | None, password: str, *, urgent: bool = False) -> bool:
        password_hash = account.password_hash if account else None
        return await self.authority.passwords.right(password_hash, password, urgent=urgent)

    async def _is_current(self, worker_id: str, current: str | None) -> bool:
        return await self._right(await self.authority.accounts.of(worker_id), current or "")

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


def _folded(text: str) -> str:
    """Return a login as it is compared: however it was typed, large or small, composed or not."""
    return normalize("NFKC", text).strip().casefold()
