"""An audit service on a log with a site, its people, and what a test let happen."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import httpx2
import pytest_asyncio

from shared.contracts.asks import Ask
from shared.contracts.base import stream_of
from shared.contracts.escalations import EscalationOpened, StepStarted
from shared.contracts.notifications import AttemptAccepted, AttemptStarted, Message, NotificationQueued
from shared.contracts.roles import Role
from shared.contracts.situations import VisitDuressSignalled
from shared.contracts.visits import CheckInRecorded, VisitHelpRequested, VisitPlanned
from shared.runtime.log import Loaded, load
from shared.runtime.sealing import Keyring
from tests.support.history import HELP_WAIT, LIZ, MINUTE, POLICY, SITE, WALT, make_site, policy, record, token_of
from tests.support.services import Installation, bearer

VISIT = "visit1"
PLACE, NOTE = "12 Mill Lane", "he is shouting"


@dataclass(frozen=True)
class World:
    """An installation whose audit runs, and a client without a token."""

    installation: Installation
    client: httpx2.AsyncClient

    async def get(self, path: str, by: str = LIZ, **headers: str) -> httpx2.Response:
        """Read as somebody."""
        return await self.client.get(f"/audit{path}", headers=bearer(token_of(by)) | headers)

    @property
    def keyring(self) -> Keyring:
        """Opens and seals for this installation."""
        return self.installation.running["audit"].keyring

    async def planned(self, visit_id: str = VISIT) -> None:
        """Let a visit be planned, its place sealed."""
        now = await self.installation.clock.now()
        plan = VisitPlanned(
            visit_id=visit_id,
            site_id=SITE,
            worker_id=WALT,
            kind="home_visit",
            starts_at=now,
            expected_end_at=now + 60 * MINUTE,
            interval=30 * MINUTE,
            grace=5 * MINUTE,
            remind_before=5 * MINUTE,
            policy_id=POLICY,
            policy_version=1,
            place=await self.keyring.seal(visit_id, PLACE),
        )
        await record(self.installation, "checkin", stream_of("visit", visit_id), plan, visit_id=visit_id, site_id=SITE)

    async def checked_in(self, visit_id: str) -> None:
        """Let Walt check in on a visit."""
        now = await self.installation.clock.now()
        event = CheckInRecorded(visit_id=visit_id, met_due_at=now, due_at=now + 30 * MINUTE)
        await record(self.installation, "checkin", stream_of("visit", visit_id), event, visit_id=visit_id, site_id=SITE)

    async def duress(self, visit_id: str) -> None:
        """Let Walt use the duress PIN on a visit, and Liz be told of it."""
        signalled = VisitDuressSignalled(
            visit_id=visit_id,
            worker_id=WALT,
            site_id=SITE,
            policy_id=POLICY,
            policy_version=1,
            with_command="check_in",
        )
        stream_id = stream_of("visit", visit_id)
        await record(self.installation, "checkin", stream_id, signalled, visit_id=visit_id, site_id=SITE)
        await self.escalated(visit_id, stream_id, visit_id=visit_id)

    async def help(self) -> None:
        """Let Walt ask for help on the visit, with a note."""
        asked = VisitHelpRequested(
            visit_id=VISIT,
            worker_id=WALT,
            site_id=SITE,
            policy_id=POLICY,
            policy_version=1,
            note=await self.keyring.seal(VISIT, NOTE),
        )
        await record(self.installation, "checkin", stream_of("visit", VISIT), asked, visit_id=VISIT, site_id=SITE)

    async def escalated(self, subject_id: str, trigger_stream: str, *, visit_id: str | None = VISIT) -> None:
        """Let the last event of a stream open an escalation that tells Liz, and a provider take the message."""
        now = await self.installation.clock.now()
        loaded: Loaded = await load(self.installation.running["audit"].pool, [trigger_stream])
        escalation_id, ladder = f"{subject_id}.1", policy().ladder_for("help")
        opened = EscalationOpened(
            escalation_id=escalation_id,
            episode=1,
            visit_id=visit_id,
            worker_id=WALT,
            site_id=SITE,
            trigger="help",
            trigger_event_id=loaded[trigger_stream].history[-1].envelope.event_id,
            due_at=None,
            policy_id=POLICY,
            policy_version=1,
            ladder=ladder,
            ladder_no=1,
        )
        step = StepStarted(
            escalation_id=escalation_id,
            ladder_no=1,
            step=1,
            name=ladder.steps[0].name,
            asks=(Ask(notification_id=f"{escalation_id}.1", worker_id=LIZ, roles=(Role.LINE_MANAGER,)),),
            next_at=now + HELP_WAIT,
            cites=ladder.steps[0].cites,
        )
        stream_id = stream_of("escalation", subject_id)
        await record(self.installation, "escalation", stream_id, opened, step, visit_id=visit_id, site_id=SITE)
        await self._told(escalation_id, stream_id, visit_id)

    async def _told(self, escalation_id: str, asked_by: str, visit_id: str | None) -> None:
        notification_id = f"{escalation_id}.1"
        message_id = f"{notification_id}.m"
        queued = NotificationQueued(
            notification_id=notification_id,
            recipient_id=LIZ,
            kind="step",
            asked_by=asked_by,
            send_at=await self.installation.clock.now(),
            escalation_id=escalation_id,
            ladder_no=1,
            step=1,
            trigger="help",
            due_at=None,
            worker_id=WALT,
            messages=(Message(message_id=message_id, contact_point_id="m", channel="mail"),),
        )
        started = AttemptStarted(
            notification_id=notification_id,
            message_id=message_id,
            attempt=1,
            contact_point_id="m",
            channel="mail",
            unknown_at=await self.installation.clock.now(),
        )
        accepted = AttemptAccepted(
            notification_id=notification_id, message_id=message_id, attempt=1, provider_ref="made-up"
        )
        stream_id = stream_of("notification", notification_id)
        await record(
            self.installation, "notifier", stream_id, queued, started, accepted, visit_id=visit_id, site_id=SITE
        )

    async def erase(self, subject_id: str) -> None:
        """Take away the key of one subject, before this process has opened anything with it."""
        keys = await asyncpg.connect(self.installation.database.keys_admin, ssl=False)
        try:
            await keys.execute("DELETE FROM key WHERE subject_id = $1", subject_id)
        finally:
            await keys.close()


@pytest_asyncio.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    """A site with its people, and audit at work on it."""
    await make_site(installation)
    async with installation.service("audit", token="") as client:
        del client.headers["Authorization"]
        yield World(installation, client)
