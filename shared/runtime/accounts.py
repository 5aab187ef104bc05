"""Accounts in the keys database: which login is whose, what a password is checked against, how many were wrong lately.

Decides nothing: whether somebody may sign in is checkin's. Neither a login nor a password stands here in the clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from shared.runtime.postgres import Pool

BY_LOGIN = "SELECT worker_id, password_hash FROM account WHERE login_hash = $1"
OF_WORKER = "SELECT worker_id, password_hash FROM account WHERE worker_id = $1"

# Give a person a login and a password, or others. Raises where somebody else has the login.
SET = """
INSERT INTO account (worker_id, login_hash, password_hash) VALUES ($1, $2, $3)
ON CONFLICT (worker_id) DO UPDATE
SET login_hash = excluded.login_hash, password_hash = excluded.password_hash, set_at = clock_timestamp(), failed_at = '{}'
"""

REMOVE = "DELETE FROM account WHERE worker_id = $1"

# The same password under today's parameters, unless it was changed meanwhile.
REHASH = "UPDATE account SET password_hash = $3 WHERE worker_id = $1 AND password_hash = $2"

# Count a wrong password, forget those before an instant, and say how many are left.
COUNT_WRONG = """
UPDATE account SET failed_at = array(SELECT f.at FROM unnest(failed_at) AS f (at) WHERE f.at > $3) || $2::timestamptz
WHERE worker_id = $1 RETURNING cardinality(failed_at)
"""

FORGET_WRONG = "UPDATE account SET failed_at = '{}' WHERE worker_id = $1 AND failed_at <> '{}'"


class LoginTaken(Exception):  # noqa: N818 -- says what was found
    """Somebody else signs in by this name."""


@dataclass(frozen=True)
class Account:
    """Whose account it is, and what a password is checked against."""

    worker_id: str
    password_hash: str

    def __repr__(self) -> str:
        """Show whose it is and nothing else."""
        return f"Account({self.worker_id})"


class Accounts:
    """The accounts of the installation."""

    def __init__(self, keys: Pool) -> None:
        """Use the keys database behind ``keys``."""
        self._keys = keys

    async def by_login(self, login_hash: bytes) -> Account | None:
        """Return the account of a login, by its keyed hash."""
        row = await self._keys.fetchrow(BY_LOGIN, login_hash)
        return None if row is None else Account(*row)

    async def of(self, worker_id: str) -> Account | None:
        """Return the account of a person."""
        row = await self._keys.fetchrow(OF_WORKER, worker_id)
        return None if row is None else Account(*row)

    async def set(self, worker_id: str, login_hash: bytes, password_hash: str) -> None:
        """Give a person a login and a password. Raises LoginTaken."""
        try:
            await self._keys.execute(SET, worker_id, login_hash, password_hash)
        except asyncpg.UniqueViolationError:
            raise LoginTaken from None

    async def remove(self, worker_id: str) -> None:
        """Let a person have no password any more."""
        await self._keys.execute(REMOVE, worker_id)

    async def rehash(self, account: Account, password_hash: str) -> Account:
        """Keep the same password under another hash; return the account as it is then."""
        await self._keys.execute(REHASH, account.worker_id, account.password_hash, password_hash)
        return Account(account.worker_id, password_hash)

    async def count_wrong(self, worker_id: str, now: datetime, within: timedelta) -> int:
        """Count a wrong password at ``now``; return how many there were ``within`` that span before it, this one too."""
        return await self._keys.fetchval(COUNT_WRONG, worker_id, now, now - within) or 0

    async def forget_wrong(self, worker_id: str) -> None:
        """Count wrong passwords from none again."""
        await self._keys.execute(FORGET_WRONG, worker_id)
