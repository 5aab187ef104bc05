"""What can happen to the processes of a running Lonewatch: killed, paused, stopped for a while; its PostgreSQL too.

A name is a replica (``checkin-1``), a service (``checkin``: every replica of it), or ``front``. An outage is noted for
the checker only while every replica of a service, or PostgreSQL, is away.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from deploy.database import SERVICES
from deploy.local import postgres
from deploy.local.installation import Installation
from deploy.local.postgres import Server
from tests.support.live_log import LiveLog
from tests.support.waiting import until

BACK_WITHIN = 60.0
"""Seconds until whatever was killed has to be ready again: a busy machine starts nine processes one after another."""

POSTGRES = "postgres"


@dataclass
class Away:
    """What is away at the moment, and since when the whole of it is."""

    names: set[str] = field(default_factory=set)
    since: dict[str, datetime] = field(default_factory=dict)


@dataclass
class LiveFaults:
    """The faults of an installation; `Live` adds what stands around it."""

    running: Installation
    folder: Path
    log: LiveLog
    away: Away = field(default_factory=Away, init=False)

    @property
    def outages(self) -> Path:
        """The file in which the checker finds when whole services, or PostgreSQL, were away."""
        return self.folder / "outages.jsonl"

    def replicas(self, *names: str) -> list[str]:
        """Return the processes that names stand for: a service's are all its replicas."""
        return [one for name in names for one in ([name] if "-" in name else self.running.fleet.of(name))]

    def one_of_each(self, number: int = 1) -> list[str]:
        """Return the replica of a number of every service."""
        return [f"{service}-{number}" for service in SERVICES]

    def pid(self, name: str) -> int:
        """Return the process id of a replica, which must be running."""
        found = self.running.processes[name].pid
        assert found is not None, f"{name} is not running"
        return found

    async def kill(self, *names: str) -> None:
        """End processes at once, as a crash does; return when those that follow them are ready."""
        killed = {name: self.pid(name) for name in self.replicas(*names)}
        self._go_away(killed)
        for name in killed:
            self.running.processes[name].signal(signal.SIGKILL)

        async def others() -> bool:
            return all(self.running.processes[name].pid not in (None, pid) for name, pid in killed.items())

        await until(others, within=BACK_WITHIN)
        await self._come_back(killed)

    def pause(self, *names: str) -> None:
        """Stop processes as they stand (SIGSTOP): they hold their connections and do nothing."""
        paused = self.replicas(*names)
        self._go_away(paused)
        for name in paused:
            self.running.processes[name].signal(signal.SIGSTOP)

    async def resume(self, *names: str) -> None:
        """Let paused processes go on; return when they are ready."""
        resumed = self.replicas(*names)
        for name in resumed:
            self.running.processes[name].signal(signal.SIGCONT)
        await self._come_back(resumed)

    @asynccontextmanager
    async def paused(self, *names: str) -> AsyncIterator[None]:
        """Pause processes for the length of a block."""
        self.pause(*names)
        try:
            yield
        finally:
            await self.resume(*names)

    async def stop(self, *names: str) -> None:
        """Stop processes in order, and leave them stopped."""
        stopped = self.replicas(*names)
        self._go_away(stopped)
        await asyncio.gather(*(self.running.processes[name].stop() for name in stopped))

    async def start(self, *names: str) -> None:
        """Start stopped processes again; return when they are ready."""
        started = self.replicas(*names)
        for name in started:
            await self.running.processes[name].start()
        await self._come_back(started)

    @asynccontextmanager
    async def without(self, *names: str) -> AsyncIterator[None]:
        """Stop processes for the length of a block; ``postgres`` is the database server, which is killed."""
        services = [name for name in names if name != POSTGRES]
        if POSTGRES in names:
            await self.stop_postgres()
        await self.stop(*services)
        try:
            yield
        finally:
            if POSTGRES in names:
                await self.start_postgres()
            await self.start(*services)

    async def kill_postgres(self, away: float = 0) -> None:
        """End PostgreSQL with all its processes as a crash does; it is started again, on its port, after ``away`` seconds."""
        await self.stop_postgres()
        await asyncio.sleep(away)
        await self.start_postgres()

    async def stop_postgres(self) -> None:
        """End PostgreSQL as a crash does, and keep it from being started again."""
        self.running.keeper.held = True
        found = await asyncio.to_thread(postgres.running, self.folder / "postgres")
        assert found is not None, "PostgreSQL is not running"
        self.away.since[POSTGRES] = datetime.now(UTC)
        await asyncio.to_thread(postgres.kill, found)
        self.log.close()

    async def start_postgres(self) -> Server:
        """Let PostgreSQL be started again; return it when every replica that is not away is ready."""
        self.running.keeper.held = False
        found: list[Server] = []

        async def runs() -> bool:
            server = await asyncio.to_thread(postgres.running, self.folder / "postgres")
            found[:] = [server] if server else []
            return bool(found)

        await until(runs, within=BACK_WITHIN)
        await self.ready(*(set(self.replicas(*SERVICES)) - self.away.names))
        self._note(POSTGRES)
        return found[0]

    async def ready(self, *names: str) -> None:
        """Wait until each of these says that it is ready; the front, that it reaches a service."""
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:

            async def all_say_so() -> bool:
                try:
                    answers = [(await client.get(self._ready_at(name))).is_success for name in self.replicas(*names)]
                except httpx2.TransportError:
                    return False
                return all(answers)

            await until(all_say_so, within=BACK_WITHIN)

    def _ready_at(self, name: str) -> str:
        address = self.running.fleet.addresses.get(name)
        return f"{self.running.url}/checkin/healthz" if address is None else f"{address}/readyz"

    def _go_away(self, names: Iterable[str]) -> None:
        """Note who is away now, and since when whole services are."""
        self.away.names |= set(names)
        for service in (*SERVICES, "front"):
            if set(self.replicas(service)) <= self.away.names:
                self.away.since.setdefault(service, datetime.now(UTC))

    async def _come_back(self, names: Iterable[str]) -> None:
        """Wait until these are ready, and note the outages that end with it."""
        await self.ready(*names)
        self.away.names -= set(names)
        for service in (*SERVICES, "front"):
            if service in self.away.since and not set(self.replicas(service)) <= self.away.names:
                self._note(service)

    def _note(self, what: str) -> None:
        since = self.away.since.pop(what)
        line = {"from": since.isoformat(), "to": datetime.now(UTC).isoformat(), "what": what}
        with self.outages.open("a") as file:
            file.write(json.dumps(line) + "\n")
