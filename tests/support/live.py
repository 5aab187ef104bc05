"""A whole Lonewatch on free ports: PostgreSQL, four service processes, the front, and both channels' other ends.

Starts it, kills parts of it and judges it, all from outside. Its folder goes when it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from deploy.client import Client
from deploy.local import postgres
from deploy.local.installation import Installation, free_port, installation
from deploy.local.postgres import Server
from deploy.sinks import MailSink, WebhookSink
from tests.faults.checker import check
from tests.support.live_log import LiveLog
from tests.support.postgres import temporary_state
from tests.support.waiting import until


@dataclass
class Live:
    """A running installation and what stands around it."""

    running: Installation
    mail: MailSink
    webhook: WebhookSink
    admin: Client
    folder: Path
    server: postgres.Server
    log: LiveLog
    sites: int = 0

    @property
    def url(self) -> str:
        """Address of the front."""
        return self.running.url

    @property
    def journal(self) -> Path:
        """The file in which every client of the tests notes its commands."""
        return self.folder / "journal.jsonl"

    async def kill(self, service: str) -> None:
        """End a service's process, or the front's, as a crash does; return when the one that follows it is ready."""
        process = self.running.processes[service]
        killed = process.pid
        assert killed is not None, f"{service} is not running"
        since = datetime.now(UTC)
        os.kill(killed, signal.SIGKILL)

        async def another() -> bool:
            return process.pid not in (None, killed)

        await until(another)
        await self.ready("checkin" if service == "front" else service)
        self._note_outage(since)

    async def kill_postgres(self) -> None:
        """End PostgreSQL with all its processes as a crash does; the installation starts it again on the same port."""
        since = datetime.now(UTC)
        os.kill(self.server.pid, signal.SIGKILL)
        self.log.close()
        self.server = await self._next_postgres(self.server.pid)
        for service in ("checkin", "escalation", "notifier", "audit"):
            await self.ready(service)
        self._note_outage(since)

    async def _next_postgres(self, pid: int) -> Server:
        """Return the PostgreSQL that runs after the one of ``pid``, once it does."""
        found: list[Server] = []

        async def runs() -> bool:
            server = await asyncio.to_thread(postgres.running, self.folder / "postgres")
            found[:] = [server] if server and server.pid != pid else []
            return bool(found)

        await until(runs, within=40)
        return found[0]

    async def ready(self, service: str) -> None:
        """Wait until a service says through the front that it is ready."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=20, trust_env=False) as client:

            async def says_so() -> bool:
                try:
                    return (await client.get(f"/{service}/readyz")).is_success
                except httpx2.TransportError:
                    return False

            await until(says_so, within=40)

    async def check_invariants(self) -> None:
        """Judge the whole log, the clients' journal and the sinks' files from outside."""
        await until(self.log.quiet)
        outages = self.folder / "outages.jsonl"
        violations = await check(
            self.running.dsn(),
            journals=[self.journal] if self.journal.exists() else [],
            sinks=[self.mail.path, self.webhook.path],
            outages=outages if outages.exists() else None,
        )
        assert not violations, "\n".join(f"{one.invariant}  {one.where}: {one.sentence}" for one in violations)

    async def close(self) -> None:
        """Hang up."""
        await self.admin.__aexit__()
        self.log.close()

    def _note_outage(self, since: datetime) -> None:
        with (self.folder / "outages.jsonl").open("a") as file:
            file.write(json.dumps({"from": since.isoformat(), "to": datetime.now(UTC).isoformat()}) + "\n")


@asynccontextmanager
async def lonewatch() -> AsyncIterator[Live]:
    """Start a whole installation, and stop it at the end."""
    with temporary_state() as folder:
        async with (
            MailSink(folder / "mail.jsonl") as mail,
            WebhookSink(folder / "webhooks.jsonl") as webhook,
            installation(
                folder,
                port=free_port(),
                settings={"LONEWATCH_SMTP_HOST": mail.host, "LONEWATCH_SMTP_PORT": str(mail.port)},
            ) as running,
        ):
            admin = Client(running.url, running.first_administrator)
            live = Live(running, mail, webhook, admin, folder, running.server, LiveLog(running.dsn()))
            try:
                yield live
            finally:
                await live.close()
        assert postgres.running(folder / "postgres") is None, "what was started is stopped, after a crash too"
