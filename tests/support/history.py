"""A past, written straight into the log by the role that owns it, for tests of one service without the others.

Site ``north`` with a policy of two steps and people who hold its roles; then whatever a test lets happen. No service runs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.contracts.awaited import CheckInMissed
from shared.contracts.base import OPERATOR_SITE, Cites, Event, Sealed, stream_of
from shared.contracts.grants import GrantGiven, GrantWithdrawn
from shared.contracts.ladders import Ladder, Step, Trigger
from shared.contracts.notifications import ReplyReceived
from shared.contracts.policy import Approval, CheckIns, Gate, Policy
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
from shared.contracts.visits import (
    PolicyAdopted,
    SiteRegistered,
    VisitContact,
    VisitHelpRequested,
    VisitPlanned,
    VisitStarted,
    WorkerHelpRequested,
    WorkerRegistered,
)
from shared.runtime.identity import Authority
from shared.runtime.ids import new_id
from shared.runtime.log import Append, By, Write
from shared.runtime.postgres import open_pool
from shared.runtime.sealing import Keyring, read_wrapping_key
from shared.runtime.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.services import Installation

SITE, POLICY = "north", "policy-of-north"
MINUTE = timedelta(minutes=1)
GRACE = 5 * MINUTE
FIRST_WAIT, SECOND_WAIT, HELP_WAIT = 5 * MINUTE, 10 * MINUTE, 2 * MINUTE
LASTS, REPEATS = 20 * MINUTE, 7 * MINUTE

WALT, SUE, SAM, LIZ, OLGA = "walt", "sue", "sam", "liz", "olga"
NAMES: Mapping[str, str] = MappingProxyType(
    {WALT: "Walt Alone", SUE: "Sue Super", SAM: "Sam Super", LIZ: "Liz Line", OLGA: "Olga Operator"}
)
ROLES: Mapping[str, tuple[str, Role]] = MappingProxyType(
    {
        WALT: (SITE, Role.WORKER),
        SUE: (SITE, Role.SUPERVISOR),
        SAM: (SITE, Role.SUPERVISOR),
        LIZ: (SITE, Role.LINE_MANAGER),
        OLGA: (OPERATOR_SITE, Role.ADMINISTRATOR),
    }
)
"""Who holds what where: supervisors are told first, then the line manager; Olga only when nobody is left."""


def token_of(worker_id: str) -> str:
    """Return the token that a person of ``north`` holds."""
    return f"token-of-{worker_id}"


def policy() -> Policy:
    """Return the policy of ``north``: two steps for a missed check-in, one for help."""
    cites = Cites(clauses=("N 1",))
    return Policy(
        policy_id=POLICY,
        title="Lone working",
        organisation="North",
        text="Of the tests",
        check_ins=CheckIns(
            interval=Timed(span=30 * MINUTE, cites=cites),
            grace=Timed(span=GRACE, cites=cites),
            remind_before=Timed(span=5 * MINUTE, cites=cites),
            cites=cites,
        ),
        approval=Approval(roles=(Role.LINE_MANAGER,), cites=cites),
        gate=Gate(
            factors=(),
            factors_cites=cites,
            valid_for=Timed(span=timedelta(days=30), cites=cites),
            dynamic_questions=(),
            questions_cites=cites,
        ),
        ladders=(
            _ladder(
                "check_in_missed",
                _step("Ring the worker", Role.SUPERVISOR, FIRST_WAIT, "N 2.1"),
                _step("Go there", Role.LINE_MANAGER, SECOND_WAIT, "N 2.2"),
            ),
            _ladder("help", _step("Go there now", Role.LINE_MANAGER, HELP_WAIT, "N 3.1")),
        ),
    )


def _step(name: str, role: Role, wait: timedelta, clause: str) -> Step:
    return Step(name=name, notify=(role,), wait=wait, cites=Cites(clauses=(clause,)), wait_cites=Cites(ours=True))


def _ladder(trigger: Trigger, *steps: Step) -> Ladder:
    cites = Cites(clauses=("N 4",))
    return Ladder(
        trigger=trigger,
        steps=steps,
        acknowledgement_lasts=Timed(span=LASTS, cites=cites),
        repeat_every=Timed(span=REPEATS, cites=cites),
        cites=cites,
    )


async def record(
    installation: Installation,
    service: str,
    stream_id: str,
    *events: Event,
    visit_id: str | None = None,
    site_id: str | None = None,
) -> None:
    """Append events to the end of a stream by the role of the service that owns it, as its own process would."""
    version = await installation.admin.fetchval("SELECT count(*) FROM log.event WHERE stream_id = $1", stream_id)
    await record_all(installation, service, Write(stream_id, version, events, visit_id=visit_id, site_id=site_id))


async def record_all(installation: Installation, service: str, *writes: Write) -> None:
    """Append one command by a service's role."""
    pool = await open_pool(installation.database.dsn(service))
    sequencer = Sequencer(pool, "test")
    task = asyncio.create_task(sequencer.run())
    try:
        await sequencer.append(Append(writes, By(f"test:{service}", new_id()), await installation.clock.now()))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await pool.close()


async def make_site(installation: Installation, names: Mapping[str, str] = NAMES) -> None:
    """Make ``north``: its policy, its people with their names, tokens and grants."""
    adopted = PolicyAdopted(policy_id=POLICY, policy_version=1, sha256="0" * 64, policy=policy())
    site = SiteRegistered(site_id=SITE, name="North", policy_id=POLICY)
    writes = [Write(stream_of("policy", POLICY), 0, [adopted]), Write(stream_of("site", SITE), 0, [site], site_id=SITE)]
    keys = await open_pool(installation.database.keys_dsn("checkin"))
    try:
        keyring = Keyring(keys, read_wrapping_key(installation.wrapping_key_file))
        for worker_id, name in names.items():
            sealed = await keyring.seal(worker_id, name)
            registered = WorkerRegistered(worker_id=worker_id, site_id=SITE, name=sealed)
            writes.append(Write(stream_of("worker", worker_id), 0, [registered], site_id=SITE))
            await Authority(keys, keys).remember(token_of(worker_id), f"{worker_id}-1", worker_id)
    finally:
        await keys.close()
    for at in (SITE, OPERATOR_SITE):
        given = [
            GrantGiven(site_id=at, worker_id=who, role=role) for who, (where, role) in ROLES.items() if where == at
        ]
        writes.append(Write(stream_of("grant", at), 0, given, site_id=at))
    await record_all(installation, "checkin", *writes)


async def withdraw(installation: Installation, worker_id: str) -> None:
    """Take away the role that somebody holds."""
    site_id, role = ROLES[worker_id]
    withdrawn = GrantWithdrawn(site_id=site_id, worker_id=worker_id, role=role)
    await record(installation, "checkin", stream_of("grant", site_id), withdrawn, site_id=site_id)


async def missed_visit(
    installation: Installation,
    visit_id: str = "visit1",
    version: int = 1,
    place: Sealed | None = None,
    contacts: tuple[VisitContact, ...] = (),
) -> None:
    """Let Walt start a visit of 30 minutes' interval and miss his first check-in at this moment, grace included."""
    now = await installation.clock.now()
    due_at = now - GRACE
    planned = VisitPlanned(
        visit_id=visit_id,
        site_id=SITE,
        worker_id=WALT,
        kind="home_visit",
        starts_at=due_at - 30 * MINUTE,
        expected_end_at=due_at + 60 * MINUTE,
        interval=30 * MINUTE,
        grace=GRACE,
        remind_before=5 * MINUTE,
        policy_id=POLICY,
        policy_version=version,
        place=place,
        contacts=contacts,
    )
    started = VisitStarted(visit_id=visit_id, dynamic_assessment={}, due_at=due_at)
    missed = CheckInMissed(
        visit_id=visit_id,
        worker_id=WALT,
        site_id=SITE,
        due_at=due_at,
        missed_at=now,
        detected_at=now,
        policy_id=POLICY,
        policy_version=version,
    )
    stream_id = stream_of("visit", visit_id)
    await record(installation, "checkin", stream_id, planned, started, missed, visit_id=visit_id, site_id=SITE)


async def help_at_visit(installation: Installation, visit_id: str = "visit1") -> None:
    """Let Walt ask for help during a visit."""
    asked = VisitHelpRequested(visit_id=visit_id, worker_id=WALT, site_id=SITE, policy_id=POLICY, policy_version=1)
    await record(installation, "checkin", stream_of("visit", visit_id), asked, visit_id=visit_id, site_id=SITE)


async def help_without_visit(installation: Installation) -> None:
    """Let Walt ask for help while he has no visit."""
    asked = WorkerHelpRequested(worker_id=WALT, site_id=SITE)
    await record(installation, "checkin", stream_of("worker", WALT), asked, site_id=SITE)


async def reply(
    installation: Installation,
    escalation_id: str | None,
    recipient_id: str,
    visit_id: str | None,
    notification_id: str | None = None,
) -> None:
    """Let a signed reply come in: to this notification, or to the first that a visit's escalation makes."""
    notification_id = notification_id or f"{escalation_id}.1"
    received = ReplyReceived(
        notification_id=notification_id,
        message_id=f"{notification_id}.1",
        recipient_id=recipient_id,
        escalation_id=escalation_id,
        reply="acknowledge",
    )
    stream_id = stream_of("notification", notification_id)
    await record(installation, "notifier", stream_id, received, visit_id=visit_id, site_id=SITE)
