"""What an escalation needs to know from checkin's streams: the ladder of a policy, and who can be told.

Whatever of it cannot be read is left out: an alarm with half a directory and no ladder is better than none. Whoever asks
for permission is judged elsewhere (``shared.runtime.identity``), and there what cannot be read is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from services.escalation.application.account import Contact, Plan
from services.escalation.domain import Directory
from shared.contracts.base import OPERATOR_SITE, Event, stream_of
from shared.contracts.envelope import Undecodable, decode
from shared.contracts.grants import fold_grants
from shared.contracts.policy import Ladder, Trigger
from shared.contracts.visits import PolicyAdopted, SiteRegistered, VisitPlanned, WorkerRegistered
from shared.runtime.log import LOAD
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from shared.contracts.base import Sealed
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

log = structlog.get_logger()


@dataclass(frozen=True)
class Triggered:
    """A trigger, as another service recorded it."""

    trigger: Trigger
    event_id: str
    worker_id: str
    site_id: str
    visit_id: str | None = None
    due_at: datetime | None = None
    """The deadline that was missed, its grace included."""
    policy_id: str | None = None
    """The policy frozen in the visit, with its version. None without a visit: then the site's is looked up."""
    policy_version: int | None = None


@dataclass(frozen=True)
class Rules:
    """The ladder for a trigger and where it stands. Each is None where it cannot be read."""

    policy_id: str | None
    policy_version: int | None
    ladder: Ladder | None


async def directory_of(pool: Pool, site_id: str) -> Directory:
    """Return who can be told at this moment: those of the site, then those of the operator."""
    site, operator = stream_of("grant", site_id), stream_of("grant", OPERATOR_SITE)
    events = await _readable(pool, [site, operator])
    return Directory.of(fold_grants(events[site]) + fold_grants(events[operator]))


async def rules_for(pool: Pool, triggered: Triggered) -> Rules:
    """Return the ladder of the version frozen in the visit; without a visit, of the site's policy in force."""
    policy_id = triggered.policy_id or await _policy_of_site(pool, triggered.site_id)
    if policy_id is None:
        return Rules(None, None, None)
    stream_id = stream_of("policy", policy_id)
    versions = {
        event.policy_version: event.policy
        for event in (await _readable(pool, [stream_id]))[stream_id]
        if isinstance(event, PolicyAdopted)
    }
    version = triggered.policy_version or max(versions, default=None)
    try:
        ladder = versions[version].ladder_for(triggered.trigger) if version is not None else None
    except KeyError:
        ladder = None
    return Rules(policy_id, version, ladder)


async def name_of(pool: Pool, keyring: Keyring, worker_id: str) -> str:
    """Return the name of a person; the id where nobody registered one, or where the keys cannot be reached."""
    stream_id = stream_of("worker", worker_id)
    events = (await _readable(pool, [stream_id]))[stream_id]
    names = [event.name for event in events if isinstance(event, WorkerRegistered)]
    try:
        return await keyring.open_or(names[-1], "(erased)") if names else worker_id
    except LOST:
        return worker_id  # without a name somebody can still take it


async def is_worker(pool: Pool, worker_id: str) -> bool:
    """Say whether somebody registered this person."""
    stream_id = stream_of("worker", worker_id)
    return any(isinstance(event, WorkerRegistered) for event in (await _readable(pool, [stream_id]))[stream_id])


async def plan_of(pool: Pool, keyring: Keyring, visit_id: str | None) -> Plan:
    """Return the place and the contacts that a visit's plan names, opened; nothing without a visit or a plan."""
    if visit_id is None:
        return Plan()
    stream_id = stream_of("visit", visit_id)
    events = (await _readable(pool, [stream_id]))[stream_id]
    planned = next((event for event in events if isinstance(event, VisitPlanned)), None)
    if planned is None:
        return Plan()
    place = await _opened(keyring, planned.place) if planned.place else None
    contacts = [
        Contact(contact.relation, await _opened(keyring, contact.name), await _opened(keyring, contact.phone))
        for contact in planned.contacts
    ]
    return Plan(place, tuple(contacts))


async def _opened(keyring: Keyring, sealed: Sealed) -> str:
    try:
        return await keyring.open_or(sealed, "(erased)")
    except LOST:
        return "(cannot be read at this moment)"  # the rest of the page still helps


async def _policy_of_site(pool: Pool, site_id: str) -> str | None:
    stream_id = stream_of("site", site_id)
    events = (await _readable(pool, [stream_id]))[stream_id]
    found = [event.policy_id for event in events if isinstance(event, SiteRegistered)]
    return found[-1] if found else None


async def _readable(pool: Pool, stream_ids: Sequence[str]) -> Mapping[str, list[Event]]:
    """Load streams, leaving out each record that this release cannot read. Raises only what the connection raises."""
    wanted = list(dict.fromkeys(stream_ids))
    rows = await pool.fetch(LOAD, wanted, [0] * len(wanted), None, None)
    return {row["stream_id"]: _decoded(row["stream_id"], row["records"] or ()) for row in rows}


def _decoded(stream_id: str, records: Sequence[bytes]) -> list[Event]:
    events = []
    for version, record in enumerate(records, 1):
        try:
            events.append(decode(record).event)
        except Undecodable:
            log.exception("record_not_readable", stream=stream_id, version=version)
    return events
