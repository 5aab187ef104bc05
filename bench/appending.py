"""Append: 64 callers who wait for their commits, each one event at a time, against the bare insert of the same rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bench import limits
from bench.results import Result, at_least_of_limit
from bench.rounds import interleaved
from bench.sample import BY, RELEASE, VISITS, Caller, CheckIn, outside, rows
from shared.runtime.commands import Commands, Decided, write
from shared.runtime.postgres import open_pool
from shared.runtime.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ground import Log
    from shared.runtime.log import Append, Loaded

CALLERS = 64
"""Who append at once: a large site's phones in the same instant, and as many as rows of one bare insert."""

WITHOUT_LOAD = 0.5
"""Of its limit that append must reach when nothing is loaded: what the log adds may not cost more than the storing."""

WITH_LOAD = 0.15
"""The same with the load of the stream, the decision, an id from outside and a deadline: all that a command costs."""


@dataclass
class Appender:
    """One process's way to the log, and whoever appends by it."""

    log: Log
    commands: Commands
    callers: Sequence[Caller] = field(default_factory=lambda: [Caller() for _ in range(CALLERS)])

    async def append(self, each: int) -> float:
        """Let every caller append so many events; return events a second."""

        async def go_on(appends: Sequence[Append]) -> None:
            for one in appends:
                await self.commands.sequencer.append(one)

        made = [[caller.next() for _ in range(each)] for caller in self.callers]  # as the bare rows are made before
        return await _rate(each, [go_on(appends) for appends in made])

    async def check_in(self, each: int) -> float:
        """Let every caller check in so often, as a service does it; return commands a second."""

        async def go_on(caller: Caller) -> None:
            for _ in range(each):
                caller.go_on()
                stream, visit = caller.stream_id, caller.visit_id
                await self.commands.handle("check_in", [stream], partial(_decide, stream, visit), BY, outside())

        return await _rate(each, [go_on(caller) for caller in self.callers])

    async def bare(self, each: int) -> float:
        """Insert as many rows of the same kind without any of it; return rows a second."""
        (position, incarnation), *_ = await self.log.admin.fetch(limits.HEAD)
        number = each * CALLERS
        made = list(rows(number, position + 1, incarnation, [Caller() for _ in range(CALLERS)]))
        batches = limits.in_batches(made)
        began = time.perf_counter()
        await limits.insert(self.log.admin, batches)
        took = time.perf_counter() - began
        await self.log.admin.execute(limits.MOVE_HEAD, position + number, made[-1][14])
        return number / took


def _decide(stream_id: str, visit_id: str, loaded: Loaded) -> Decided:
    decision = partial(VISITS.decide, CheckIn(visit_id))
    return Decided([write(VISITS, loaded[stream_id], decision, visit_id=visit_id, site_id="riverside")])


async def _rate(each: int, callers: Sequence[object]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*callers)  # type: ignore[call-overload]  # coroutines, all of one kind
    return each * len(callers) / (time.perf_counter() - began)


@asynccontextmanager
async def appender(log: Log) -> AsyncIterator[Appender]:
    """Yield a process that appends to a log as checkin does: six connections for loads, two for appends."""
    pool = await open_pool(log.dsn("checkin"), size=6)
    appends = await open_pool(log.dsn("checkin"), size=2)
    sequencer = Sequencer(appends, RELEASE)
    running = asyncio.create_task(sequencer.run())
    try:
        yield Appender(log, Commands(pool, sequencer))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await asyncio.gather(pool.close(), appends.close())


async def append(log: Log, rounds: int, each: int) -> Result:
    """Measure append without a load."""
    async with appender(log) as by:
        found = await interleaved(rounds, partial(by.append, each), partial(by.bare, each))
    return Result(
        "append",
        found.value,
        "events/s",
        found.limit,
        "bare insert of the same rows, 64 a commit",
        found.ratio,
        found.spread,
        demands=(at_least_of_limit(found.ratio, WITHOUT_LOAD),),
    )


async def append_with_load(log: Log, rounds: int, each: int) -> Result:
    """Measure a whole command: load, fold, decide, append with an id from outside and a deadline."""
    async with appender(log) as by:
        found = await interleaved(rounds, partial(by.check_in, each), partial(by.bare, each))
    return Result(
        "append_with_load",
        found.value,
        "commands/s",
        found.limit,
        "bare insert of the same rows, 64 a commit",
        found.ratio,
        found.spread,
        demands=(at_least_of_limit(found.ratio, WITH_LOAD),),
    )
