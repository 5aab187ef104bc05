"""A whole Lonewatch on free ports: PostgreSQL, four service processes, the front, and both channels' other ends.

Starts, kills and judges it from outside; asks it nothing that a client could not. Its folder goes when it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from deploy.client import Client
from deploy.local import postgres
from deploy.local.installation import Installation, free_port, installation
from deploy.sinks import MailSink, WebhookSink
from tests.faults.checker import check
from tests.support.postgres import temporary_state
from tests.support.waiting import until

# What the log holds of a visit, or of everything.
FACTS = """
SELECT position, type, stream_id, recorded_at, record FROM log.event
WHERE ($1::text IS NULL OR visit_id = $1) ORDER BY position
"""

# What the services have before them: records not yet reacted to, and messages that are due.
BUSY = """
SELECT count(*) FROM (
    SELECT FROM log.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT FROM log.deadline d WHERE d.topic = 'lonewatch.notifications.v1' AND d.due_at <= log.now()
) waiting
"""

OUTCOMES = frozenset(f"notification.attempt_{outcome}.v1" for outcome in ("accepted", "failed", "unknown"))

IN_FLIGHT = timedelta(seconds=2)
"""How young an attempt without an outcome is for its call to count as under way: the sinks answer at once."""


@dataclass(frozen=True)
class Fact:
    """One event of the log, as whoever may read the database finds it."""

    position: int
    type: str
    stream_id: str
    recorded_at: datetime
    data: Mapping[str, Any]


@dataclass
class Live:
    """A running installation and what stands around it."""

    running: Installation
    mail: MailSink
    webhook: WebhookSink
    admin: Client
    folder: Path
    server: postgres.Server
    sites: int = 0
    _connection: asyncpg.Connection[asyncpg.Record] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Address of the front."""
        return self.running.url

    @property
    def journal(self) -> Path:
        """The file in which every client of the tests notes its commands."""
        return self.folder / "journal.jsonl"

    async def facts(self, visit_id: str | None = None) -> list[Fact]:
        """Return what the log holds of a visit, or of everything, in order."""
        rows = await (await self._connected()).fetch(FACTS, visit_id)
        return [
            Fact(row["position"], row["type"], row["stream_id"], row["recorded_at"], json.loads(row["record"])["data"])
            for row in rows
        ]

    async def quiet(self) -> bool:
        """Say whether nobody is being told anything at this moment, so that the log and the sinks can be compared."""
        if await (await self._connected()).fetchval(BUSY):
            return False
        calls, ended = set[tuple[str, int]](), set[tuple[str, int]]()
        for fact in await self.facts():
            young = fact.recorded_at > datetime.now(UTC) - IN_FLIGHT
            if fact.type in OUTCOMES:
                ended.add((fact.data["message_id"], fact.data["attempt"]))
            elif young and fact.type == "notification.attempt_started.v1":
                calls.add((fact.data["message_id"], fact.data["attempt"]))
        return calls <= ended

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
        """End PostgreSQL with all its processes as a crash does, and start it again on the same port."""
        since = datetime.now(UTC)
        await asyncio.to_thread(postgres.kill, self.server)
        await self._disconnect()
        self.server = await asyncio.to_thread(postgres.start, self.folder / "postgres", port=self.server.port)
        for service in ("checkin", "escalation", "notifier", "audit"):
            await self.ready(service)
        self._note_outage(since)

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
        await until(self.quiet)
        outages = self.folder / "outages.jsonl"
        violations = await check(
            self.running.dsn(),
            journals=[self.journal] if self.journal.exists() else [],
            sinks=[self._arrivals()],
            outages=outages if outages.exists() else None,
        )
        assert not violations, "\n".join(f"{one.invariant}  {one.where}: {one.sentence}" for one in violations)

    async def close(self) -> None:
        """Hang up."""
        await self.admin.__aexit__()
        await self._disconnect()

    def _note_outage(self, since: datetime) -> None:
        with (self.folder / "outages.jsonl").open("a") as file:
            file.write(json.dumps({"from": since.isoformat(), "to": datetime.now(UTC).isoformat()}) + "\n")

    def _arrivals(self) -> Path:
        """Put the sinks' files into the checker's form: the id of each message, and what was answered."""
        path = self.folder / "arrivals.jsonl"
        with path.open("w") as file:
            for sink in (self.mail, self.webhook):
                for line in map(json.loads, sink.path.read_text().splitlines()):
                    message_id = line["message_id"] if line["channel"] == "mail" else line["headers"]["webhook-id"]
                    outcome = "accepted" if line["behaviour"] == "accept" else line["behaviour"]
                    arrival = {"at": line["at"], "channel": line["channel"], "message_id": message_id}
                    file.write(json.dumps({**arrival, "outcome": outcome}) + "\n")
        return path

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.running.dsn(), ssl=False)
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


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
            live = Live(running, mail, webhook, admin, folder, running.server)
            try:
                yield live
            finally:
                await live.close()
