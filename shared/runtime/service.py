"""Run a service: open what it needs, start its loops, serve its pages, and end in order.

Clocks and feeds start before HTTP. A loop that ends by itself ends the process: whoever runs it starts it again.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from shared.runtime.append_check import AppendCheck
from shared.runtime.carrying import Carrying
from shared.runtime.clock import pause
from shared.runtime.clock_check import ClockCheck
from shared.runtime.collecting import collect_seldom
from shared.runtime.columns_check import Columns
from shared.runtime.commands import Commands
from shared.runtime.configured import cannot_start
from shared.runtime.consumers import MissingRowError, Reaction, ReadModel
from shared.runtime.deadlines import Deadlines, OnDue
from shared.runtime.feed import Feed
from shared.runtime.identity import Authority
from shared.runtime.outages import Outages
from shared.runtime.postgres import LOST, open_pool
from shared.runtime.racing import end
from shared.runtime.sealing import Keyring, WrongWrappingKeyError, read_wrapping_key
from shared.runtime.self_checks import Check, SelfChecks
from shared.runtime.sequencer import CALLS, Sequencer
from shared.runtime.settings import RELEASE, ServiceSettings
from shared.runtime.telemetry import Cycles, configure_logging
from shared.runtime.troubles import Troubles
from shared.runtime.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence

    from fastapi import FastAPI

    from shared.runtime.postgres import Pool

log = structlog.get_logger()

_ENDS_WITHIN = 3.0
"""Seconds for what is at work when the service is told to stop: most messages are handed over by then."""

_CONNECT_PAUSE = 0.5
"""Seconds between two tries to reach a database that is not there yet."""


@dataclass(frozen=True)
class Base:
    """What a service's parts are built from."""

    name: str
    settings: ServiceSettings
    pool: Pool
    commands: Commands
    keyring: Keyring
    authority: Authority
    troubles: Troubles
    watch: Watch
    cycles: Cycles
    release: str = RELEASE
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """Work that outlives whoever began it; at the end of the service it is waited for."""


@dataclass(frozen=True)
class Parts:
    """What a service brings: its consumers, the handlers of its deadlines, its application, and what else it does."""

    reactions: Sequence[Reaction]
    read_models: Sequence[ReadModel]
    deadlines: Mapping[str, OnDue]
    web: Callable[[Running], FastAPI]
    self_checks: Sequence[Check] = ()
    loops: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """What else goes on until the service is told to stop; cancelled with the feed and the clock."""


@dataclass(frozen=True)
class Running:
    """A service at work, as its application sees it."""

    name: str
    release: str
    settings: ServiceSettings
    pool: Pool
    commands: Commands
    keyring: Keyring
    authority: Authority
    feed: Feed
    deadlines: Deadlines
    cycles: Cycles
    troubles: Troubles
    watch: Watch
    carrying: Carrying
    loops: tuple[str, ...] = ("feed", "clock")


@asynccontextmanager
async def running(
    name: str, settings: ServiceSettings, build: Callable[[Base], Parts]
) -> AsyncIterator[tuple[Running, Parts]]:
    """Open the databases, start every loop, and stop them at the end. Tests run services in process with it."""
    async with AsyncExitStack() as stack:
        pool = await _open(stack, settings.database.get_secret_value(), 6)
        probes = await _open(stack, settings.database.get_secret_value(), 2)  # for looking, whatever work is going on
        appends = await _open(
            stack, settings.database.get_secret_value(), CALLS
        )  # one for each of the sequencer's calls
        keys = await _open(stack, settings.keys_database.get_secret_value(), 3)
        carrying = Carrying(name, settings)
        sequencer = Sequencer(appends, RELEASE, carrying.appended)
        watch = Watch(probes, settings.alarm_chain, settings.ring)
        commands = Commands(pool, sequencer, watch)
        base = Base(
            name=name,
            settings=settings,
            pool=pool,
            commands=commands,
            troubles=Troubles(commands, name),
            watch=watch,
            cycles=Cycles(probes, settings.replica),
            keyring=Keyring(keys, read_wrapping_key(settings.wrapping_key_file)),
            authority=Authority(pool, keys),
        )
        await base.keyring.keyed_hash("digest", b"")  # a wrong wrapping key shows here and not at the first alarm
        parts = build(base)
        feed = Feed(probes, pool, base.troubles, parts.reactions, parts.read_models, base.cycles, [keys])
        outages = Outages(probes, base.troubles, name, base.cycles)
        deadlines = Deadlines(probes, parts.deadlines, base.cycles, base.troubles, outages.before_claiming)
        await feed.check()
        await watch.refresh()
        looking = (feed.run, deadlines.run, base.cycles.run, watch.run, *_comparing(base, parts), *parts.loops)
        looking = (*looking, partial(carrying.run, feed, probes))
        loops = [asyncio.create_task(loop()) for loop in (*looking, sequencer.run)]
        stack.push_async_callback(_end, loops, base.tasks, deadlines)
        for loop in loops:
            loop.add_done_callback(_die_loudly)
        yield (
            Running(
                name=name,
                release=RELEASE,
                settings=settings,
                pool=pool,
                commands=base.commands,
                keyring=base.keyring,
                authority=base.authority,
                feed=feed,
                deadlines=deadlines,
                cycles=base.cycles,
                troubles=base.troubles,
                watch=base.watch,
                carrying=carrying,
            ),
            parts,
        )


def _comparing(base: Base, parts: Parts) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
    """Return the loops by which a service compares its own accounts and its clock, and tries whether it can append."""
    columns = Columns(base.pool, base.troubles).check
    checks = SelfChecks(base.troubles, [columns, *parts.self_checks], base.cycles)
    appends = AppendCheck(base.commands.sequencer, base.cycles, base.name)
    return checks.run, appends.run, ClockCheck(base.pool, base.troubles, base.settings.replica).run


class _Server(uvicorn.Server):
    """Serves until told to stop. uvicorn's own way would end the process by the signal before its loops have ended."""

    def stop(self) -> None:
        """Stop serving."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service."""
        yield


async def serve(
    name: str,
    settings: ServiceSettings,
    build: Callable[[Base], Parts],
    first: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Do ``first``, then run a service until it is told to stop. What keeps it from starting is said in one line."""
    configure_logging(name, settings.replica)
    try:
        if first is not None:
            await first()
        await _serve(name, settings, build)
    except (WrongWrappingKeyError, MissingRowError) as error:
        cannot_start(name, str(error))
    log.info("service_stopped")


async def _serve(name: str, settings: ServiceSettings, build: Callable[[Base], Parts]) -> None:
    async with running(name, settings, build) as (service, parts):
        server = _Server(
            uvicorn.Config(
                parts.web(service),
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                server_header=False,
                proxy_headers=False,
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        collect_seldom()
        log.info("service_started", release=RELEASE, port=settings.port)
        await server.serve()


async def _open(stack: AsyncExitStack, dsn: str, size: int) -> Pool:
    """Open a pool that is closed at the end, trying until there is a server."""
    while True:
        try:
            pool = await open_pool(dsn, size=size)
        except LOST as error:
            log.warning("database_not_reached", error=type(error).__name__)
            await pause(_CONNECT_PAUSE)
        else:
            stack.push_async_callback(_close, pool)
            return pool


async def _close(pool: Pool) -> None:
    """Close a pool; cut off whatever does not let go."""
    try:
        await asyncio.wait_for(pool.close(), _ENDS_WITHIN)
    except TimeoutError:
        pool.terminate()


async def _end(loops: Sequence[asyncio.Task[None]], tasks: set[asyncio.Task[None]], deadlines: Deadlines) -> None:
    """Stop looking, let what was begun come to its end, then stop the sequencer."""
    *looking, sequencer = loops
    for loop in loops:
        loop.remove_done_callback(_die_loudly)
    await end(looking)
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDS_WITHIN):
            await deadlines.drain()
            await asyncio.gather(*tasks, return_exceptions=True)
    # A call to the outside that is cut off here is left to its attempt's own deadline.
    await end([sequencer])


def _die_loudly(loop: asyncio.Task[None]) -> None:
    """End the process when a loop has ended by itself: a service without its clock must not look alive."""
    if not loop.cancelled():
        log.critical("loop_ended", exc_info=loop.exception())
        signal.raise_signal(signal.SIGTERM)
