"""Sessions: signed in with a password, ended; and calls for help by a password. Raises Forbidden and Rejected.

The log has that somebody signed in; what opens is in the keys database, changed after the log and never before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from services.checkin.application.help import Help
from services.checkin.application.signing import Signing
from services.checkin.application.tokens import Tokens
from services.checkin.domain import EndSessions, SignIn
from shared.contracts.base import stream_of
from shared.decider import Rejected
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id, new_token
from shared.runtime.log import By, Outside
from shared.runtime.web import Caller

if TYPE_CHECKING:
    from datetime import datetime

    from shared.runtime.commands import Handled

_NOBODYS = "nobody"
"""Whose history is looked at for a login that nobody has, so that the answer takes as long and fails alike."""


@dataclass(frozen=True)
class Begun:
    """A session that has just begun, and what its cookie holds."""

    worker_id: str
    expires_at: datetime
    secret: str = field(repr=False)


class Sessions(Signing, Tokens, Help):
    """The sessions of persons."""

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

    async def end_sessions(self, caller: Caller, worker_id: str) -> Handled:
        """End every session of a person."""
        own = worker_id == caller.identity.worker_id
        allowed = await self._authorise("end_sessions", caller, worker_id, own=own)
        handled = await self._on_worker(
            "end_sessions", caller, worker_id, lambda now: EndSessions(None, now), allowed.guards, {}
        )
        await self.authority.sessions.end(worker_id)  # after a crash before this, the same command ends them
        return handled

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
