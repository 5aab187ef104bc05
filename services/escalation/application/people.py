"""Who and where people are, opened for somebody who may act on an escalation. What cannot be read or opened is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.escalation.application.account import Contact, Plan
from shared.contracts.base import stream_of
from shared.contracts.troubles import UNKNOWN_WORKER
from shared.contracts.visits import VisitPlanned, WorkerRegistered
from shared.runtime.log import load
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from shared.contracts.base import Event, Sealed
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

NAMELESS = "a worker whom Lonewatch cannot name"
"""Instead of the name where nothing readable says who it is."""


async def name_of(pool: Pool, keyring: Keyring, worker_id: str) -> str:
    """Return the name of a person; the id where nobody registered one, or where the keys cannot be reached."""
    if worker_id == UNKNOWN_WORKER:
        return NAMELESS
    events = await _readable(pool, stream_of("worker", worker_id))
    names = [event.name for event in events if isinstance(event, WorkerRegistered)]
    try:
        return await keyring.open_or(names[-1]) if names else worker_id
    except LOST:
        return worker_id  # without a name somebody can still take it


async def is_worker(pool: Pool, worker_id: str) -> bool:
    """Say whether somebody registered this person."""
    events = await _readable(pool, stream_of("worker", worker_id))
    return any(isinstance(event, WorkerRegistered) for event in events)


async def plan_of(pool: Pool, keyring: Keyring, visit_id: str | None) -> Plan:
    """Return the place and the contacts that a visit's plan names, opened; nothing without a visit or a plan."""
    if visit_id is None:
        return Plan()
    events = await _readable(pool, stream_of("visit", visit_id))
    planned = next((event for event in events if isinstance(event, VisitPlanned)), None)
    if planned is None:
        return Plan()
    place = await _opened(keyring, planned.place) if planned.place else None
    contacts = [
        Contact(contact.relation, await _opened(keyring, contact.name), await _opened(keyring, contact.phone))
        for contact in planned.contacts
    ]
    return Plan(place, tuple(contacts))


async def _readable(pool: Pool, stream_id: str) -> list[Event]:
    return (await load(pool, [stream_id], lenient=True))[stream_id].events


async def _opened(keyring: Keyring, sealed: Sealed) -> str:
    try:
        return await keyring.open_or(sealed)
    except LOST:
        return "(cannot be read at this moment)"  # the rest of the page still helps
