"""Passwords: set and removed, which ends every session. Raises Forbidden, Rejected and Locked.

What opens is in the keys database, changed after the log and never before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.sessions import Sessions
from services.checkin.application.signing import folded
from services.checkin.domain import RemovePassword, SetPassword
from shared.contracts.roles import Role
from shared.decider import Rejected
from shared.runtime.accounts import LoginTaken

if TYPE_CHECKING:
    from shared.runtime.commands import Handled
    from shared.runtime.web import Caller


class Accounts(Sessions):
    """The passwords of persons, beside their tokens."""

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
        is_login = folded(password) == folded(login)
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

    async def _is_current(self, worker_id: str, current: str | None) -> bool:
        return await self._right(await self.authority.accounts.of(worker_id), current or "")
