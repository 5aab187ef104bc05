"""Who and where people are, opened for somebody who may act on an escalation. What cannot be read or opened is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contracts.base import stream_of
from shared.contracts.troubles import UNKNOWN_WORKER
from shared.contracts.visits import VisitPlanned, WorkerRegistered
from shared.runtime.log import load
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shared.contracts.base import Event, Sealed
    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

NAMELESS = "a worker whom Lonewatch cannot name"
"""Instead of the name where nothing readable says who it is."""


@dataclass(frozen=True)
class Contact:
    """Somebody whom the plan of a visit names, in clear."""

    relation: str
    name: str
    phone: str


@dataclass(frozen=True)
class Plan:
    """Where the worker was going, and who can be rung there, in clear: for those who may act on the escalation."""

    place: str | None = None
    contacts: tuple[Contact, ...] = ()


async def name_of(pool: Pool, keyring: Keyring, worker_id: str) -> str:
    """Return the name of a person; the id where nobody registered one, or where the keys cannot be reached."""
    return (await names_of(pool, keyring, (worker_id,)))[worker_id]


async def names_of(pool: Pool, keyring: Keyring, worker_ids: Collection[str]) -> Mapping[str, str]:
    """Return the names of several people in one look; for each of them what ``name_of`` says."""
    streams = {who: stream_of("worker", who) for who in worker_ids if who != UNKNOWN_WORKER}
    loaded = await load(pool, list(streams.values()), lenient=True)
    return {
        who: await _name(keyring, who, loaded[streams[who]].events) if who in streams else NAMELESS
        for who in worker_ids
    }


async def _name(keyring: Keyring, worker_id: str, history: Iterable[Event]) -> str:
    names = [event.name for event in history if isinstance(event, WorkerRegistered)]
    try:
        return await keyring.open_or(names[-1]) if names else worker_id
    except LOST:
        return worker_id  # without a name somebody can still take it


async def is_worker(pool: Pool, worker_id: str) -> bool:
    """Say whether somebody registered this person."""
    history = await readable(pool, stream_of("worker", worker_id))
    return any(isinstance(recorded.event, WorkerRegistered) for recorded in history)


async def plan_of(pool: Pool, keyring: Keyring, visit_id: str | None) -> Plan:
    """Return the place and the contacts that a visit's plan names, opened; nothing without a visit or a plan."""
    if visit_id is None:
        return Plan()
    events = [recorded.event for recorded in await readable(pool, stream_of("visit", visit_id))]
    planned = next((event for event in events if isinstance(event, VisitPlanned)), None)
    if planned is None:
        return Plan()
    place = await opened(keyring, planned.place) if planned.place else None
    contacts = [
        Contact(contact.relation, await opened(keyring, contact.name), await opened(keyring, contact.phone))
        for contact in planned.contacts
    ]
    return Plan(place, tuple(contacts))


async def readable(pool: Pool, stream_id: str) -> Sequence[Recorded]:
    """Return what of a stream can be read."""
    return (await load(pool, [stream_id], lenient=True))[stream_id].history


async def opened(keyring: Keyring, sealed: Sealed) -> str:
    """Return a text, or why it cannot be read."""
    try:
        return await keyring.open_or(sealed)
    except LOST:
        return "(cannot be read at this moment)"  # the rest of the page still helps
