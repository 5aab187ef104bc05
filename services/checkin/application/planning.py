"""How a visit comes into being. Raises Forbidden and Rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.checkin.application.core import Core, policy_in, versions
from services.checkin.application.on_visit import decided_on_visit
from services.checkin.domain import PlanVisit
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.visits import VisitContact
from shared.runtime.ids import new_id
from shared.runtime.log import By

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from shared.runtime.commands import Decided, Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class ContactGiven:
    """Somebody whom the plan names, as sent: clear, and sealed before anything is decided."""

    relation: str
    name: str
    phone: str


@dataclass(frozen=True)
class Planned:
    """A visit as somebody plans it. ``place`` is clear here and sealed before anything is decided."""

    site_id: str
    worker_id: str
    kind: str
    starts_at: datetime
    expected_end_at: datetime
    interval: timedelta | None
    assessment_id: str | None
    place: str | None
    contacts: tuple[ContactGiven, ...]
    equipment: tuple[str, ...] = ()


class Planning(Core):
    """Plans visits."""

    async def plan_visit(self, caller: Caller, planned: Planned, occurred_at: datetime | None) -> Handled:
        """Plan a visit under the version of the site's policy that is in force."""
        own = planned.worker_id == caller.identity.worker_id
        allowed = await self.authorise_at(caller.identity, "plan_visit", planned.site_id, own=own)
        site, worker = await self.site(planned.site_id), await self.worker(planned.worker_id)
        if own and worker.site_id not in {site.site_id, OPERATOR_SITE}:  # elsewhere only where they hold a role
            await self.authorise_at(caller.identity, "read_site", site.site_id)
        visit_id = new_id()
        stream_id, policy = stream_of("visit", visit_id), stream_of("policy", site.policy_id)
        place = await self.seal(worker.worker_id, planned.place)
        contacts = [await self._contact(given) for given in planned.contacts]

        def decide(loaded: Loaded) -> Decided:
            adopted = policy_in(loaded[policy])
            command = PlanVisit(
                visit_id=visit_id,
                site_id=site.site_id,
                worker_id=worker.worker_id,
                kind=planned.kind,
                starts_at=planned.starts_at,
                expected_end_at=planned.expected_end_at,
                policy=adopted.policy,
                policy_version=adopted.policy_version,
                now=loaded.now,
                interval=planned.interval,
                assessment_id=planned.assessment_id,
                place=place,
                contacts=tuple(contacts),
                equipment=planned.equipment,
            )
            return decided_on_visit(
                loaded, visit_id, site.site_id, command, {**allowed.guards, **versions(loaded, policy)}
            )

        by = By(caller.by.actor, caller.by.correlation_id, occurred_at=occurred_at)
        return await self.commands.handle("plan_visit", [stream_id, policy], decide, by, caller.outside)

    async def _contact(self, given: ContactGiven) -> VisitContact:
        """Seal somebody whom the plan names, under a key of their own."""
        contact_id = new_id()
        return VisitContact(
            contact_id=contact_id,
            relation=given.relation,
            name=await self.keyring.seal(contact_id, given.name),
            phone=await self.keyring.seal(contact_id, given.phone),
        )
