"""A whole Lonewatch on free ports: PostgreSQL, replicas of four services, the front, and the other ends of its channels.

Starts it, kills and pauses parts of it and judges it, all from outside. Its folder goes when it ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.client import Client
from deploy.local import postgres
from deploy.local.installation import Installation, free_port, installation
from deploy.local.kafka.carrier import LOG_ALONE, given
from deploy.sinks import MailSink, WebhookSink
from tests.faults.checker import check
from tests.support.kafka import Broker, Brokers
from tests.support.live_faults import LiveFaults
from tests.support.live_log import LiveLog
from tests.support.postgres import temporary_state
from tests.support.waiting import until

NO_SETTINGS: Mapping[str, str] = {}


@dataclass
class Live(LiveFaults):
    """A running installation and what stands around it."""

    running: Installation
    mail: MailSink
    webhook: WebhookSink
    heartbeat: WebhookSink
    """Where the installation's own heartbeat goes: an arrival is one."""
    admin: Client
    folder: Path
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

    async def check_invariants(self) -> None:
        """Judge the whole log, the clients' journal and the sinks' files from outside."""
        await until(self.log.quiet)
        violations = await check(
            self.running.dsn(),
            journals=[self.journal] if self.journal.exists() else [],
            sinks=[self.mail.path, self.webhook.path],
            outages=self.outages if self.outages.exists() else None,
            heartbeats=self.heartbeat.path,
        )
        assert not violations, "\n".join(f"{one.invariant}  {one.where}: {one.sentence}" for one in violations)

    async def close(self) -> None:
        """Hang up, and let go what is held."""
        self.running.keeper.held = False
        await self.admin.__aexit__()
        self.log.close()


@asynccontextmanager
async def lonewatch(
    replicas: int = 1, settings: Mapping[str, str] = NO_SETTINGS, kafka: Broker | Brokers | None = None
) -> AsyncIterator[Live]:
    """Start a whole installation, each service in so many replicas, and stop it at the end.

    Without a ``kafka`` it follows the log alone; one that is given need not run.
    """
    with temporary_state() as folder:
        async with (
            MailSink(folder / "mail.jsonl") as mail,
            WebhookSink(folder / "webhooks.jsonl") as webhook,
            WebhookSink(folder / "heartbeats.jsonl") as heartbeat,
            installation(
                folder,
                port=free_port(),
                replicas=replicas,
                carrier=LOG_ALONE if kafka is None else given(kafka.bootstrap, {}),
                settings={
                    "LONEWATCH_SMTP_HOST": mail.host,
                    "LONEWATCH_SMTP_PORT": str(mail.port),
                    "LONEWATCH_HEARTBEAT_URL": f"{heartbeat.url}/lonewatch",
                    **settings,
                },
            ) as running,
        ):
            admin = Client(running.url, running.first_administrator)
            live = Live(
                running=running,
                mail=mail,
                webhook=webhook,
                heartbeat=heartbeat,
                admin=admin,
                folder=folder,
                log=LiveLog(running.dsn()),
            )
            try:
                yield live
            finally:
                await live.close()
        assert postgres.running(folder / "postgres") is None, "what was started is stopped, after a crash too"
