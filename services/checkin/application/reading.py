"""What people may read: sites, policies, persons, visits. Every method raises Forbidden and Rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.checkin import readmodel
from services.checkin.application.core import Core, plan_in, policy_in
from services.checkin.application.on_visit import standing
from services.checkin.domain import VISIT, WORKER, overdue
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.grants import fold_grants
from shared.contracts.roles import Role
from shared.contracts.situations import KEPT_FROM_THE_WORKER, VisitSituationReported
from shared.contracts.visits import VisitHelpRequested
from shared.runtime.records import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.checkin.domain import Person
    from shared.contracts.base import Event, Sealed
    from shared.contracts.envelope import Recorded
    from shared.contracts.visits import VisitPlanned, VisitReported
    from shared.runtime.identity import Identity

_SIGNALS = (VisitHelpRequested, VisitSituationReported)
"""What the worker reads of only where they did it themselves: what others signal may be their answer to duress."""


class Reading(Core):
    """Reads; changes nothing."""

    async def read_site(self, identity: Identity, site_id: str) -> dict[str, Any]:
        """Return a site (or the operator), its policy in force, and who holds which role there."""
        await self.authorise_at(identity, "read_site", site_id)
        grants = fold_grants(await self.history(stream_of("grant", site_id))).held
        held = [{"worker_id": worker_id, "role": role} for worker_id, role in grants]
        if site_id == OPERATOR_SITE:
            return {"site_id": site_id, "grants": held}
        site = await self.site(site_id)
        return {"site_id": site_id, "name": site.name, "policy": await self._policy(site.policy_id), "grants": held}

    async def read_policy(self, identity: Identity, policy_id: str) -> dict[str, Any]:
        """Return the version of a policy that is in force; for whoever reads at the operator."""
        await self.authorise_at(identity, "read_site", OPERATOR_SITE)
        return await self._policy(policy_id)

    async def _policy(self, policy_id: str) -> dict[str, Any]:
        stream_id = stream_of("policy", policy_id)
        adopted = policy_in((await self.commands.load([stream_id]))[stream_id])
        return adopted.model_dump(mode="json")

    async def read_worker(self, identity: Identity, worker_id: str) -> dict[str, Any]:
        """Return a person: name and ways to reach them, opened; never a secret, never a token, never a code word.

        Phones are shown to the person and to administrators; whoever is to ring them reads the number in their task.
        Whether there are code words is not shown to the person: under duress they stay, and seem to be changed.
        """
        registered = await self.worker(worker_id)
        own = worker_id == identity.worker_id
        allowed = await self.authorise_at(identity, "read_worker", registered.site_id, own=own)
        trusted = Role.ADMINISTRATOR in allowed.roles
        worker = WORKER.fold(await self.history(stream_of("worker", worker_id)))
        return {
            "worker_id": worker_id,
            "site_id": registered.site_id,
            "name": await self.keyring.open_or(registered.name),
            "contact_points": [
                {
                    "contact_point_id": point.contact_point_id,
                    "channel": point.channel,
                    "address": await self.keyring.open_or(point.address),
                    "signed": point.secret is not None,
                }
                for point in worker.contact_points
            ],
            "token_ids": worker.token_ids,
            "pins_set": await self.authority.pins.are_set(worker_id),
            **({} if own and not trusted else {"code_words_set": any(worker.person.code_words)}),
            **(await self._phones(worker.person) if own or trusted else {}),
        }

    async def _phones(self, person: Person) -> dict[str, Any]:
        numbers = {"mobile": person.mobile, "home": person.home}
        return {"phones": {name: each and await self.keyring.open_or(each) for name, each in numbers.items()}}

    async def read_visit(self, identity: Identity, visit_id: str) -> dict[str, Any]:
        """Return where a visit stands, from its own events, with its place and the people whom it names, opened.

        Nothing that the worker reads of their own visit says that there was duress, what others signal, nor how many
        escalations there were.
        """
        stream_id = stream_of("visit", visit_id)
        stream = (await self.commands.load([stream_id]))[stream_id]
        plan = plan_in(stream.events)
        own = plan.worker_id == identity.worker_id
        await self.authorise_at(identity, "read_visit", plan.site_id, own=own)
        seen = _shown_to_the_worker(stream.history, plan.worker_id) if own else stream.events
        visit = VISIT.fold(stream.events)
        return {
            **plan.model_dump(mode="json", exclude={"place", "contacts", "cites", "watch_cites", "awaits"}),
            **standing(visit),
            "expected_end_at": visit.expected_end_at and instant(visit.expected_end_at),
            "decided_by": visit.decided_by,
            "resumed_after": () if own else visit.resumed,
            "calls_for_help": sum(isinstance(event, VisitHelpRequested) for event in seen),
            "situations": [event.situation for event in seen if isinstance(event, VisitSituationReported)],
            "end_reason": visit.end_reason,
            "report_due_at": visit.report_due_at and instant(visit.report_due_at),
            "overdue": overdue(visit),
            "version": stream.version - (len(stream.events) - len(seen)),
            **await self._personal(plan, visit.report),
        }

    async def _personal(self, plan: VisitPlanned, report: VisitReported | None) -> dict[str, Any]:
        async def opened(sealed: Sealed) -> str:
            return await self.keyring.open_or(sealed)

        return {
            "place": None if plan.place is None else await opened(plan.place),
            "report": report
            and {"by": report.by, "went": report.went, "note": report.note and await opened(report.note)},
            "contacts": [
                {
                    "contact_id": contact.contact_id,
                    "relation": contact.relation,
                    "name": await opened(contact.name),
                    "phone": await opened(contact.phone),
                }
                for contact in plan.contacts
            ],
        }

    async def list_visits(self, identity: Identity, site_id: str | None, status: str | None) -> list[dict[str, Any]]:
        """Return the newest visits of a site, or of all sites for whoever may list at the operator; nothing personal."""
        await self.authorise_at(identity, "list_visits", site_id or OPERATOR_SITE)
        return await readmodel.visits(self.commands.pool, site_id, status)


def _shown_to_the_worker(history: Sequence[Recorded], worker_id: str) -> list[Event]:
    """Return what the worker reads of their own visit: no duress, and of signals only their own."""
    return [
        recorded.event
        for recorded in history
        if recorded.envelope.type not in KEPT_FROM_THE_WORKER
        and (recorded.envelope.actor == worker_id or not isinstance(recorded.event, _SIGNALS))
    ]
