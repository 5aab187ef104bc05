"""Decide about sites, the policies they follow, and who holds which role where.

What is known of other streams (is there such a site, such a worker?) comes with the command; the application guards it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import assert_never

from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.grants import GrantGiven, Grants, GrantWithdrawn, evolve_grants
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Policy
from shared.contracts.roles import Role
from shared.contracts.visits import OperatorLadderSet, PolicyAdopted, SiteRegistered
from shared.decider import Decider, Rejected, no_deadlines


@dataclass(frozen=True)
class RegisterSite:
    """Make a site known, and say which policy it follows."""

    site_id: str
    name: str
    policy_id: str
    policy_known: bool
    now: datetime


@dataclass(frozen=True)
class Site:
    """A site, or none yet."""

    registered: SiteRegistered | None = None


def _decide_site(command: RegisterSite, site: Site) -> list[Event]:
    registered = SiteRegistered(site_id=command.site_id, name=command.name, policy_id=command.policy_id)
    if site.registered == registered:
        return []
    if site.registered is not None:
        raise Rejected("site_exists")
    if not command.policy_known:
        raise Rejected("policy_unknown")
    return [registered]


def _evolve_site(site: Site, event: Event) -> Site:
    return Site(event) if isinstance(event, SiteRegistered) else site


SITE = Decider(Site(), _decide_site, _evolve_site, no_deadlines)
"""The decider of a ``site-…`` stream."""


@dataclass(frozen=True)
class AdoptPolicy:
    """Put a policy in force, as the next version of the policies with its id."""

    policy: Policy
    now: datetime


@dataclass(frozen=True)
class AdoptedPolicy:
    """The version of a policy that is in force, or none yet."""

    adopted: PolicyAdopted | None = None

    @property
    def version(self) -> int:
        """Its number, from 1; 0 where there is none."""
        return 0 if self.adopted is None else self.adopted.policy_version


def sha256_of(policy: Policy) -> str:
    """Return the SHA-256, in hex, of a policy's canonical JSON: members sorted, no spaces, characters not escaped."""
    text = json.dumps(policy.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def _decide_policy(command: AdoptPolicy, current: AdoptedPolicy) -> list[Event]:
    if command.policy.policy_id == OPERATOR_SITE:
        raise Rejected("policy_reserved")
    digest = sha256_of(command.policy)
    if current.adopted is not None and current.adopted.sha256 == digest:
        return []
    return [
        PolicyAdopted(
            policy_id=command.policy.policy_id,
            policy_version=current.version + 1,
            sha256=digest,
            policy=command.policy,
        ),
    ]


def _evolve_policy(current: AdoptedPolicy, event: Event) -> AdoptedPolicy:
    return AdoptedPolicy(event) if isinstance(event, PolicyAdopted) else current


POLICY = Decider(AdoptedPolicy(), _decide_policy, _evolve_policy, no_deadlines)
"""The decider of a ``policy-…`` stream."""


@dataclass(frozen=True)
class SetOperatorLadder:
    """Say who is told when something is wrong with Lonewatch itself."""

    ladder: Ladder
    now: datetime


@dataclass(frozen=True)
class OperatorLadder:
    """The operator's own ladder, or none yet: then everyone of the operator is told at once."""

    ladder: Ladder | None = None


def _decide_ladder(command: SetOperatorLadder, current: OperatorLadder) -> list[Event]:
    return [] if command.ladder == current.ladder else [OperatorLadderSet(ladder=command.ladder)]


def _evolve_ladder(current: OperatorLadder, event: Event) -> OperatorLadder:
    return OperatorLadder(event.ladder) if isinstance(event, OperatorLadderSet) else current


OPERATOR_LADDER = Decider(OperatorLadder(), _decide_ladder, _evolve_ladder, no_deadlines)
"""The decider of the stream ``policy-operator``, which holds no policy."""


@dataclass(frozen=True)
class GiveGrant:
    """Let a person hold a role at a site. ``site_known`` is true for the operator."""

    site_id: str
    worker_id: str
    role: Role
    site_known: bool
    worker_known: bool
    now: datetime


@dataclass(frozen=True)
class WithdrawGrant:
    """Take a role at a site from a person."""

    site_id: str
    worker_id: str
    role: Role
    now: datetime


GrantCommand = GiveGrant | WithdrawGrant
"""Everything that a grant stream decides."""


def _decide_grants(command: GrantCommand, grants: Grants) -> list[Event]:
    pair = (command.worker_id, command.role)
    match command:
        case GiveGrant():
            if pair in grants.held:
                return []
            if not command.site_known:
                raise Rejected("site_unknown")
            if not command.worker_known:
                raise Rejected("worker_unknown")
            return [GrantGiven(site_id=command.site_id, worker_id=command.worker_id, role=command.role)]
        case WithdrawGrant():
            if pair not in grants.held:
                return []
            if command.site_id == OPERATOR_SITE and _only_administrator(grants) == pair:
                raise Rejected("last_administrator")  # nobody could give the role to anybody any more
            return [GrantWithdrawn(site_id=command.site_id, worker_id=command.worker_id, role=command.role)]
        case _:
            assert_never(command)


def _only_administrator(grants: Grants) -> tuple[str, Role] | None:
    """Return the one grant of an administrator, where there is just one."""
    administrators = [pair for pair in grants.held if pair[1] is Role.ADMINISTRATOR]
    return administrators[0] if len(administrators) == 1 else None


GRANTS = Decider(Grants(), _decide_grants, evolve_grants, no_deadlines)
"""The decider of a ``grant-…`` stream: all grants of one site, or of the operator."""
