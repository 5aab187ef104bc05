"""What every part of the application stands on. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from services.checkin.domain import POLICY
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.visits import PolicyAdopted, SiteRegistered, VisitPlanned, WorkerRegistered
from shared.decider import Rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shared.contracts.base import Event, Sealed
    from shared.runtime.commands import Commands
    from shared.runtime.identity import Allowed, Authority, Identity
    from shared.runtime.log import Loaded, Stream
    from shared.runtime.sealing import Keyring
    from shared.runtime.watch import Watch
    from shared.runtime.web import Caller

log = structlog.get_logger()


@dataclass(frozen=True)
class Core:
    """The log, the keys of persons, who may do what, and whether anybody can be watched over now."""

    commands: Commands
    keyring: Keyring
    authority: Authority
    watch: Watch
    note_outage: Callable[[], Awaitable[None]]
    """Record that checkin itself was away, where that is so and not yet on record. Raises what is in LOST."""

    async def seal(self, subject_id: str, text: str | None) -> Sealed | None:
        """Seal a text under one person's key; None stays None."""
        return None if text is None else await self.keyring.seal(subject_id, text)

    async def seal_or_drop(self, subject_id: str, note: str | None) -> Sealed | None:
        """Seal the note of a call for help, or do without it: the call is taken whatever becomes of its note."""
        try:
            return await self.seal(subject_id, note)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it must not keep the call out
            log.warning("note_dropped", error=type(error).__name__)
            return None

    async def authorise_at(self, identity: Identity, operation: str, site_id: str, *, own: bool = False) -> Allowed:
        """Authorise at a site, or at the operator by its site id. Raises Forbidden."""
        return await self.authority.authorise(
            identity, operation, None if site_id == OPERATOR_SITE else site_id, own=own
        )

    async def worker(self, worker_id: str) -> WorkerRegistered:
        """Return who it is. Raises Rejected where nobody is known by this id."""
        events = await self.history(stream_of("worker", worker_id))
        return worker_in(events)

    async def site(self, site_id: str) -> SiteRegistered:
        """Return a site. Raises Rejected where there is none."""
        events = await self.history(stream_of("site", site_id))
        if not events or not isinstance(events[0], SiteRegistered):
            raise Rejected("site_unknown")
        return events[0]

    async def visit(self, visit_id: str) -> tuple[VisitPlanned, list[Event]]:
        """Return a visit's plan and all its events. Raises Rejected where there is none."""
        events = await self.history(stream_of("visit", visit_id))
        return plan_in(events), events

    async def history(self, stream_id: str) -> list[Event]:
        """Return the events of one stream."""
        return (await self.commands.load([stream_id]))[stream_id].events


def worker_in(events: list[Event]) -> WorkerRegistered:
    """Return who a worker's stream speaks of. Raises Rejected where it is empty."""
    if not events or not isinstance(events[0], WorkerRegistered):
        raise Rejected("worker_unknown")
    return events[0]


def plan_in(events: list[Event]) -> VisitPlanned:
    """Return the plan of a visit's stream. Raises Rejected where it is empty."""
    if not events or not isinstance(events[0], VisitPlanned):
        raise Rejected("visit_unknown")
    return events[0]


def policy_in(stream: Stream, version: int | None = None) -> PolicyAdopted:
    """Return a version of a policy, or the one in force. Raises Rejected where there is none."""
    for event in reversed(stream.events):
        if isinstance(event, PolicyAdopted) and version in {None, event.policy_version}:
            return event
    raise Rejected("policy_unknown")


def policy_version(events: list[Event]) -> int:
    """Return the number of the version in force after these events."""
    return POLICY.fold(events).version


def apart(caller: Caller, what: str) -> Caller:
    """Return who asks, under an id made of the request's own and of its content: for what is recorded beside an answer.

    So the same request sent again records it once, and another one under the same id records its own.
    """
    made = sha256(f"{what}\n".encode() + caller.outside.id.encode() + caller.outside.digest).hexdigest()
    return replace(caller, outside=replace(caller.outside, id=f"apart:{made}"))


def versions(loaded: Loaded, *stream_ids: str) -> Mapping[str, int]:
    """Return the versions that a decision rests on, as guards."""
    return {stream_id: loaded[stream_id].version for stream_id in stream_ids}
