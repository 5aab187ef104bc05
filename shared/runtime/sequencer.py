"""The sequencer: what carries the commands of one process to the log.

It takes what is waiting into one call, without lingering, and while that is answered the next one is on its way; commands that
are on their way do not touch one another. Whatever goes wrong with one of them is answered to its caller alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from shared.runtime.clock import monotonic, pause
from shared.runtime.log import (
    AlreadyApplied,
    Append,
    FeedGap,
    NotAsRecorded,
    OtherContent,
    Outcome,
    Unavailable,
    WrongExpectedVersion,
)
from shared.runtime.postgres import LOST
from shared.runtime.receipts import receipt_of
from shared.runtime.records import Composed, compose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.runtime.postgres import Pool

MOST_COMMANDS = 500
"""Commands in one call: above it a call gains nothing and its callers wait longer."""

CALLS = 2
"""Calls on their way at once: the log takes them one after another, and while it commits one the other is read and tested."""

FEW = 16
"""Commands that go in one call however many there are; of more than twice as many each call takes half of those who wait for
an answer, so that one half is written down here while the log works on the other."""

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of records in one call: bounds what one call holds in memory and how long it holds the lock."""

GIVE_UP_AFTER = 8.0
"""Seconds after which a command whose connection keeps getting lost is answered as unavailable: a phone still waits."""

ANSWERED_WITHIN = 5.5
"""Seconds for one call: just above the 5 s that it may wait for the lock of the log."""

_RETRY_PAUSE = 0.2
"""Seconds before the next try after a lost connection."""

# The one call. Autocommit: never inside an explicit transaction.
APPEND = "SELECT * FROM log.append($1::jsonb, $2::jsonb, $3::jsonb, $4::jsonb, $5::bytea[], $6::jsonb)"


@dataclass(eq=False)
class _Waiting:
    composed: Composed
    since: float
    future: asyncio.Future[Outcome]
    size: int
    claims: frozenset[Any]
    guards: frozenset[str]


def _nobody() -> None:
    """Tell nobody."""


class Sequencer:
    """Appends commands in batches. Start it with ``run`` in a task; ``append`` waits for the commit."""

    def __init__(self, pool: Pool, release: str, appended: Callable[[], None] = _nobody) -> None:
        """Use ``pool`` for the calls; every event says ``release``. ``appended`` is called after each commit."""
        self._pool = pool
        self._release = release
        self._appended = appended
        self._waiting: deque[_Waiting] = deque()
        self._under_way: list[list[_Waiting]] = []
        self._wake = asyncio.Event()
        self._ended = False

    async def append(self, append: Append) -> Outcome:
        """Append one command and return its outcome after COMMIT. Needs ``run`` to be at work.

        Raises Malformed, WrongExpectedVersion, OtherContent, AlreadyApplied, FeedGap, Unavailable, or
        asyncpg.PostgresError when the database refuses this command.
        """
        composed = compose(append, self._release)
        if self._ended:
            raise Unavailable("the service is stopping")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        size = sum(map(len, composed.bodies))
        self._waiting.append(_Waiting(composed, monotonic(), future, size, *_claims(composed)))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Carry commands until cancelled; then whoever still waits is told that the outcome is unknown."""
        try:
            async with asyncio.TaskGroup() as calls:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    while len(self._under_way) < CALLS and (batch := self._take()):
                        self._under_way.append(batch)
                        calls.create_task(self._carry_all(batch))
        finally:
            self._ended = True
            for waiting in (*chain.from_iterable(self._under_way), *self._waiting):
                _refuse(waiting, Unavailable("the service is stopping"))

    async def _carry_all(self, batch: list[_Waiting]) -> None:
        """Carry what goes together; what waited for it, or for a call to end, may go then."""
        await self._carry(batch)
        self._under_way.remove(batch)
        self._wake.set()

    def _take(self) -> list[_Waiting]:
        """Take what may go together, in order.

        Beside what is under way, no id, cause's shard or written stream goes twice, and no guard on a stream written.
        """
        batch: list[_Waiting] = []
        going = list(chain.from_iterable(self._under_way))
        claimed: set[Any] = set().union(*(waiting.claims for waiting in going))
        read: set[str] = set().union(*(waiting.guards for waiting in going))
        left: deque[_Waiting] = deque()
        size = 0
        most = min(MOST_COMMANDS, max(FEW, (len(going) + len(self._waiting) + 1) // CALLS))
        while self._waiting and len(batch) < most and size < MOST_BYTES:
            waiting = self._waiting.popleft()
            fits = size + waiting.size <= MOST_BYTES or not batch
            apart = claimed.isdisjoint(waiting.claims | waiting.guards) and read.isdisjoint(waiting.claims)
            if fits and apart:
                batch.append(waiting)
                size += waiting.size
            else:
                left.append(waiting)
            claimed |= waiting.claims  # what waits behind one that was left keeps its order too
            read |= waiting.guards
        self._waiting.extendleft(reversed(left))
        return batch

    async def _carry(self, batch: Sequence[_Waiting]) -> None:
        """Call until there is an answer. A lost connection says nothing: the same commands go again."""
        while batch:
            try:
                rows = await self._call([waiting.composed for waiting in batch])
            except LOST as error:
                # A crash or cut here may have committed the batch: ids, causes and versions make the next call safe.
                batch = _still_patient(batch, error)
                await pause(_RETRY_PAUSE)
            except asyncpg.PostgresError as error:
                if len(batch) == 1:
                    _refuse(batch[0], error)
                    return
                for waiting in batch:
                    await self._carry([waiting])
                return
            else:
                for waiting, row in zip(batch, rows, strict=True):
                    _answer(waiting, row)
                self._appended()
                return

    async def _call(self, batch: Sequence[Composed]) -> Sequence[asyncpg.Record]:
        """Make the call. A connection that swallows it is cut off: nobody waits for its end."""
        async with self._pool.acquire() as connection:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    return await connection.fetch(APPEND, *_arguments(batch), timeout=2 * ANSWERED_WITHIN)
            except TimeoutError:
                connection.terminate()
                raise


def _claims(composed: Composed) -> tuple[frozenset[Any], frozenset[str]]:
    """Return what a command must have to itself in a call, and which streams it guards."""
    claims: set[Any] = {row["stream_id"] for row in composed.writes}
    origin = composed.command
    if "source" in origin:
        claims.add((origin["source"], origin["id"]))
    if "consumer" in origin:
        claims.add((origin["consumer"], origin["topic"], origin["shard"]))
    return frozenset(claims), frozenset(row["stream_id"] for row in composed.guards)


def _arguments(batch: Sequence[Composed]) -> tuple[str, str, str, str, list[bytes], str]:
    """Return the six arguments of ``log.append``, each row with the number of its command."""

    def rows(name: str) -> str:
        return orjson.dumps(
            [{"command": number, **row} for number, one in enumerate(batch) for row in getattr(one, name)]
        ).decode()

    commands = orjson.dumps([{"command": number, **one.command} for number, one in enumerate(batch)]).decode()
    bodies = [body for one in batch for body in one.bodies]
    return commands, rows("guards"), rows("writes"), rows("events"), bodies, rows("deadlines")


def _still_patient(batch: Sequence[_Waiting], error: BaseException) -> list[_Waiting]:
    """Give up for those who have waited too long; return the others."""
    patient = []
    for waiting in batch:
        if monotonic() - waiting.since > GIVE_UP_AFTER:
            _refuse(waiting, Unavailable(type(error).__name__))
        elif not waiting.future.cancelled():
            patient.append(waiting)
    return patient


def _refuse(waiting: _Waiting, error: Exception) -> None:
    with suppress(asyncio.InvalidStateError):
        waiting.future.set_exception(error)


def _answer(waiting: _Waiting, row: asyncpg.Record) -> None:
    """Answer one caller from its row."""
    match row["outcome"]:
        case "appended" | "repeat":
            answer = orjson.loads(row["answer"]) if row["answer"] else {}
            outcome = Outcome(
                first=row["outcome"] == "appended",
                first_position=row["first_position"],
                last_position=row["last_position"],
                recorded_at=row["recorded_at"],
                answer=answer,
                receipt=receipt_of(row["last_position"], row["detail"]),
            )
            with suppress(asyncio.InvalidStateError):
                waiting.future.set_result(outcome)
        case "wrong_version":
            _refuse(waiting, WrongExpectedVersion(row["detail"]))
        case "other_content":
            _refuse(waiting, OtherContent())
        case "already_applied":
            _refuse(waiting, AlreadyApplied())
        case "gap":
            _refuse(waiting, FeedGap())
        case "not_as_recorded":
            _refuse(waiting, NotAsRecorded())
        case other:
            _refuse(waiting, RuntimeError(f"the log answered {other}: is the migration of this service applied?"))
