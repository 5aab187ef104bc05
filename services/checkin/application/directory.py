"""Sites, grants, assessments: what is set up beside policies and people. Every method raises Forbidden and Rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from services.checkin.application.core import Core, policy_in, policy_version, versions
from services.checkin.domain import (
    ASSESSMENT,
    GRANTS,
    SITE,
    GiveGrant,
    RecordAssessment,
    RegisterSite,
    WithdrawGrant,
)
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.decider import Rejected
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.roles import Role
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class AssessmentGiven:
    """An assessment as somebody sends it: ``controls`` and ``notes`` clear, and sealed before anything is decided."""

    site_id: str
    outcome: Literal["acceptable", "cannot_be_managed"]
    factors: tuple[str, ...]
    assessment_id: str | None
    controls: tuple[str, ...]
    assessed_by: tuple[str, ...]
    valid_until_at: datetime | None
    notes: str | None


class Directory(Core):
    """What is set up before anybody goes anywhere."""

    async def register_site(self, caller: Caller, site_id: str | None, name: str, policy_id: str) -> Handled:
        """Make a site known, which follows a policy."""
        allowed = await self.authority.authorise(caller.identity, "register_site", None)
        site_id = site_id or new_id()
        stream_id, policy = stream_of("site", site_id), stream_of("policy", policy_id)
        if site_id == OPERATOR_SITE:  # stands for every site, so it can be none
            raise Rejected("site_exists")

        def decide(loaded: Loaded) -> Decided:
            command = RegisterSite(site_id, name, policy_id, policy_version(loaded[policy].events) > 0, loaded.now)
            registered = write(SITE, loaded[stream_id], lambda state: SITE.decide(command, state), site_id=site_id)
            return Decided([registered], allowed.guards, {"site_id": site_id})

        return await self.commands.handle("register_site", [stream_id, policy], decide, caller.by, caller.outside)

    async def give_grant(self, caller: Caller, site_id: str, worker_id: str, role: Role) -> Handled:
        """Let a person hold a role at a site, or at the operator for every site."""
        allowed = await self.authorise_at(caller.identity, "give_grant", site_id)
        streams = [stream_of("grant", site_id), stream_of("site", site_id), stream_of("worker", worker_id)]

        def decide(loaded: Loaded) -> Decided:
            known = site_id == OPERATOR_SITE or bool(loaded[streams[1]].version)
            command = GiveGrant(site_id, worker_id, role, known, bool(loaded[streams[2]].version), loaded.now)
            given = write(GRANTS, loaded[streams[0]], lambda state: GRANTS.decide(command, state), site_id=site_id)
            return Decided([given], allowed.guards, {"site_id": site_id, "worker_id": worker_id, "role": role})

        return await self.commands.handle("give_grant", streams, decide, caller.by, caller.outside)

    async def withdraw_grant(self, caller: Caller, site_id: str, worker_id: str, role: Role) -> Handled:
        """Take a role at a site, or at the operator, from a person."""
        allowed = await self.authorise_at(caller.identity, "withdraw_grant", site_id)
        stream_id = stream_of("grant", site_id)

        def decide(loaded: Loaded) -> Decided:
            command = WithdrawGrant(site_id, worker_id, role, loaded.now)
            gone = write(GRANTS, loaded[stream_id], lambda state: GRANTS.decide(command, state), site_id=site_id)
            return Decided([gone], allowed.guards, {"site_id": site_id, "worker_id": worker_id, "role": role})

        return await self.commands.handle("withdraw_grant", [stream_id], decide, caller.by, caller.outside)

    async def record_assessment(self, caller: Caller, given: AssessmentGiven) -> Handled:
        """Record how the risk of lone work at a site was assessed. Without an assessor it is the caller."""
        allowed = await self.authorise_at(caller.identity, "record_assessment", given.site_id)
        site = await self.site(given.site_id)
        assessment_id = given.assessment_id or new_id()
        stream_id, policy = stream_of("assessment", assessment_id), stream_of("policy", site.policy_id)
        assessed_by = given.assessed_by or (caller.identity.worker_id,)
        assessors = [stream_of("worker", worker_id) for worker_id in assessed_by]
        controls = [await self.keyring.seal(assessment_id, control) for control in given.controls]
        notes = await self.seal(assessment_id, given.notes)

        def decide(loaded: Loaded) -> Decided:
            command = RecordAssessment(
                assessment_id=assessment_id,
                site_id=given.site_id,
                outcome=given.outcome,
                factors=given.factors,
                assessed_by=assessed_by,
                roles=allowed.roles,
                valid_for=policy_in(loaded[policy]).policy.gate.valid_for.span,
                site_known=True,
                assessors_known=all(loaded[assessor].version for assessor in assessors),
                now=loaded.now,
                valid_until_at=given.valid_until_at,
                controls=tuple(controls),
                notes=notes,
            )
            recorded = write(
                ASSESSMENT, loaded[stream_id], lambda state: ASSESSMENT.decide(command, state), site_id=given.site_id
            )
            return Decided([recorded], {**allowed.guards, **versions(loaded, policy)}, {"assessment_id": assessment_id})

        streams = [stream_id, policy, *assessors]
        return await self.commands.handle("record_assessment", streams, decide, caller.by, caller.outside)
