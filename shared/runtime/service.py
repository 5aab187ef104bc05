"""Run a service: open what it needs, start its loops, serve its pages, and end in order.

Clocks and feeds start before HTTP. A loop that ends by itself ends the process: whoever runs it starts it again.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import uvicorn

from shared.runtime.clock import pause
from shared.runtime.commands import Commands
from shared.runtime.consumers import Reaction, ReadModel
from shared.runtime.deadlines import Deadlines, OnDue
from shared.runtime.feed import Feed
from shared.runtime.identity import Authority
from shared.runtime.postgres import LOST, open_pool
from shared.runtime.sealing import Keyring, read_wrapping_key
from shared.runtime.sequencer import Sequencer
from shared.runtime.settings import RELEASE, ServiceSettings
from shared.runtime.telemetry import Cycles, configure_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from fastapi import FastAPI

    from shared.runtime.postgres import Pool

log = structlog.get_logger()

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
    release: str = RELEASE


@dataclass(frozen=True)
class Parts:
    """What a service brings: its consumers, the handlers of its deadlines, and its application."""

    reactions: Sequence[Reaction]
    read_models: Sequence[ReadModel]
    deadlines: Mapping[str, OnDue]
    web: Callable[[Running], FastAPI]


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
    loops: tuple[str, ...] = ("feed", "clock")


@asynccontextmanager
async def running(
    name: str, settings: ServiceSettings, build: Callable[[Base], Parts]
) -> AsyncIterator[tuple[Running, Parts]]:
    """Open the databases, start every loop, and stop them at the end. Tests run services in process with it."""
    async with AsyncExitStack() as stack:
        pool = await _reach(settings.database.get_secret_value())
        stack.push_async_callback(pool.close)
        keys = await _reach(settings.keys_database.get_secret_value())
        stack.push_async_callback(keys.close)
        sequencer = Sequencer(pool, RELEASE)
        base = Base(
            name=name,
            settings=settings,
            pool=pool,
            commands=Commands(pool, sequencer),
            keyring=Keyring(keys, read_wrapping_key(settings.wrapping_key_file)),
            authority=Authority(pool, keys),
        )
        parts = build(base)
        cycles = Cycles(pool, settings.replica)
        feed = Feed(pool, sequencer, parts.reactions, parts.read_models, cycles)
        deadlines = Deadlines(pool, parts.deadlines, cycles)
        await feed.check()
        loops = [asyncio.create_task(loop) for loop in (sequencer.run(), feed.run(), deadlines.run(), cycles.run())]
        stack.push_async_callback(_end, loops)
        for loop in loops:
            loop.add_done_callback(_die_loudly)
        yield (
            Running(
                name, RELEASE, settings, pool, base.commands, base.keyring, base.authority, feed, deadlines, cycles
            ),
            parts,
        )


async def serve(name: str, settings: ServiceSettings, build: Callable[[Base], Parts]) -> None:
    """Run a service until it is told to stop."""
    configure_logging(name, settings.replica)
    async with running(name, settings, build) as (service, parts):
        server = uvicorn.Server(
            uvicorn.Config(
                parts.web(service),
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                server_header=False,
            )
        )
        log.info("service_started", release=RELEASE, port=settings.port)
        await server.serve()
    log.info("service_stopped")


async def _reach(dsn: str) -> Pool:
    """Open a pool, trying until there is a server."""
    while True:
        try:
            return await open_pool(dsn)
        except LOST as error:
            log.warning("database_not_reached", error=type(error).__name__)
            await pause(_CONNECT_PAUSE)


async def _end(loops: Sequence[asyncio.Task[None]]) -> None:
    """Cancel every loop and wait for it."""
    for loop in loops:
        loop.remove_done_callback(_die_loudly)
        loop.cancel()
    for loop in loops:
        with suppress(asyncio.CancelledError):
            await loop


def _die_loudly(loop: asyncio.Task[None]) -> None:
    """End the process when a loop has ended by itself: a service without its clock must not look alive."""
    if not loop.cancelled():
        log.critical("loop_ended", exc_info=loop.exception())
        signal.raise_signal(signal.SIGTERM)
