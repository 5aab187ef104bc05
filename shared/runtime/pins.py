"""PINs in the keys database: a person's own, and the one for duress. Says which was shown; what follows is checkin's.

Neither a PIN nor which of the two was shown is ever in a line of the log of a service. Whoever guesses is slowed, and
nobody is locked: a right PIN that comes after wrong ones counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.runtime.log import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.contracts.persons import Judged
    from shared.runtime.postgres import Pool

AT_ONCE = 2
"""PINs judged at once in a process, in a lane that nothing else uses: one person takes one of them at most."""

AFTER_A_WRONG_ONE = 2.0
"""Seconds until another PIN of the same person is judged: less than it takes to type one again, and hours for all of
10,000, while a check-in that does not come alarms long before."""

MOST_WAITING = 20
"""PINs of one person that wait to be judged; of more, the one that waited longest is sent back to be sent again."""

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least for argon2id: what is hashed is keyed already, and many people check in at the same minute."""

OF_WORKER = "SELECT pin_hash, duress_hash FROM pin WHERE worker_id = $1"

# Give a person two PINs, or others.
SET = """
INSERT INTO pin (worker_id, pin_hash, duress_hash) VALUES ($1, $2, $3)
ON CONFLICT (worker_id) DO UPDATE
SET pin_hash = excluded.pin_hash, duress_hash = excluded.duress_hash, set_at = clock_timestamp()
"""

REMOVE = "DELETE FROM pin WHERE worker_id = $1"


class Pins:
    """The PINs of the installation. What comes in is a keyed hash of a PIN, never the PIN."""

    def __init__(self, keys: Pool) -> None:
        """Use the keys database behind ``keys``."""
        self._keys = keys
        self._lane = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def are_set(self, worker_id: str) -> bool:
        """Say whether a person has PINs."""
        return await self._keys.fetchrow(OF_WORKER, worker_id) is not None

    async def judge(self, worker_id: str, shown: bytes | None) -> Judged:
        """Say which PIN this is. Both are always compared, so that the time it takes tells nothing. Raises Unavailable."""
        if not await self.are_set(worker_id):
            return "none_set"
        if shown is None:
            return "missing"
        async with self._turn(worker_id) as pauses:
            row = await self._keys.fetchrow(OF_WORKER, worker_id)
            if row is None:  # removed while it waited
                return "none_set"
            async with self._lane:
                right, duress = await asyncio.to_thread(_compare, row["pin_hash"], row["duress_hash"], shown)
            if not (right or duress):
                pauses.append(AFTER_A_WRONG_ONE)
                return "wrong"
            return "duress" if duress else "right"

    async def set(self, worker_id: str, pin: bytes, duress: bytes) -> None:
        """Give a person two PINs, or others."""
        async with self._lane:
            hashes = [await asyncio.to_thread(HASHER.hash, each) for each in (pin, duress)]
        await self._keys.execute(SET, worker_id, *hashes)

    async def remove(self, worker_id: str) -> None:
        """Let a person have no PINs any more."""
        await self._keys.execute(REMOVE, worker_id)

    @asynccontextmanager
    async def _turn(self, worker_id: str) -> AsyncIterator[list[float]]:
        """Let one PIN of a person be judged at a time, the newest first: a right one never waits behind many wrong ones.

        Whoever has the turn may add seconds for which nobody gets it after them.
        """
        waiting = self._waiting.get(worker_id)
        if waiting is None:
            self._waiting[worker_id] = deque()
        else:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append(mine)
            if len(waiting) > MOST_WAITING:
                _send_back(waiting.popleft())
            await self._granted(mine, worker_id)
        pauses: list[float] = []
        try:
            yield pauses
        finally:
            asyncio.get_running_loop().call_later(sum(pauses), self._next, worker_id)

    async def _granted(self, mine: asyncio.Future[None], worker_id: str) -> None:
        try:
            await mine
        except asyncio.CancelledError:
            # The turn came as its request ended: it goes to the next. Whoever was sent back had none to pass on.
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._next(worker_id)
            raise

    def _next(self, worker_id: str) -> None:
        waiting = self._waiting[worker_id]
        while waiting:
            newest = waiting.pop()
            if not newest.done():  # whoever hung up waits no more
                newest.set_result(None)
                return
        del self._waiting[worker_id]


def _compare(pin_hash: str, duress_hash: str, shown: bytes) -> tuple[bool, bool]:
    """Say of each whether it is this PIN. Both are looked at, whatever the first look says."""
    right, duress = _matches(pin_hash, shown), _matches(duress_hash, shown)
    return right, duress


def _matches(one: str, shown: bytes) -> bool:
    try:
        return HASHER.verify(one, shown)
    except (VerificationError, InvalidHashError):
        return False


def _send_back(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(Unavailable("too many PINs of one person wait"))
