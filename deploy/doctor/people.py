"""Whether somebody administers, and whether each site's ladders have people who can be reached. Reads codes and ids only."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.doctor.finding import Finding, error, ok, warning
from deploy.doctor.reading import data_of
from shared.contracts.base import OPERATOR_SITE
from shared.contracts.roles import RESPONDERS, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

# What says who is who, in order.
FACTS = """
SELECT type, record FROM log.event WHERE topic = 'lonewatch.visits.v1' AND type = ANY (ARRAY[
    'grant.given.v1', 'grant.withdrawn.v1', 'site.registered.v1', 'policy.adopted.v1', 'worker.contact_points_set.v1'
]) ORDER BY position
"""

_ADMINISTRATORS = """
SELECT type, record FROM log.event WHERE stream_id = 'grant-operator' ORDER BY position
"""


@dataclass
class Known:
    """Who holds what where, who can be reached, and what each site's policy asks for."""

    held: defaultdict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """By site: pairs of worker id and role."""
    policy_of: dict[str, str] = field(default_factory=dict)
    asked: dict[str, frozenset[str]] = field(default_factory=dict)
    """By policy: the roles of its ladders."""
    reachable: set[str] = field(default_factory=set)

    def learn(self, type_: str, data: Mapping[str, Any]) -> None:
        """Take one event; one whose data is not as it should be changes nothing: whoever met it in the log has said so."""
        with suppress(KeyError, TypeError, AttributeError):
            self._learn(type_, data)

    def _learn(self, type_: str, data: Mapping[str, Any]) -> None:
        match type_:
            case "grant.given.v1":
                self.held[data["site_id"]].add((data["worker_id"], data["role"]))
            case "grant.withdrawn.v1":
                self.held[data["site_id"]].discard((data["worker_id"], data["role"]))
            case "site.registered.v1":
                self.policy_of[data["site_id"]] = data["policy_id"]
            case "policy.adopted.v1":
                steps = [step for ladder in data["policy"]["ladders"] for step in ladder["steps"]]
                tasks = [task for step in steps if (task := step.get("task"))]
                told = [step["notify"] for step in steps] + [task["who"] for task in tasks]
                self.asked[data["policy_id"]] = frozenset(role for roles in told for role in roles)
            case "worker.contact_points_set.v1":
                (self.reachable.add if data["contact_points"] else self.reachable.discard)(data["worker_id"])


async def somebody_administers(_target: Target, log: Connection) -> list[Finding]:
    """Look for an administrator of the operator."""
    known = Known()
    for row in await log.fetch(_ADMINISTRATORS):
        known.learn(row["type"], data_of(row["record"]))
    if not any(role == Role.ADMINISTRATOR for _, role in known.held[OPERATOR_SITE]):
        return [
            error(
                "no_administrator",
                "Nobody is an administrator of the operator.",
                "Start checkin with LONEWATCH_FIRST_ADMINISTRATOR_FILE; 'lonewatch up' does.",
            )
        ]
    return [ok("administrator_there", "Somebody is an administrator of the operator.")]


async def operator_is_reachable(_target: Target, log: Connection) -> list[Finding]:
    """Look whether somebody of the operator can be told when something is wrong with Lonewatch itself."""
    known = Known()
    for row in await log.fetch(FACTS):
        known.learn(row["type"], data_of(row["record"]))
    told = {worker_id for worker_id, role in known.held[OPERATOR_SITE] if role in RESPONDERS}
    if told & known.reachable:
        return [ok("operator_reachable", "Somebody of the operator is told when Lonewatch itself is in trouble.")]
    return [
        warning(
            "operator_unreachable",
            "Nobody of the operator has a contact point, so nobody is told when Lonewatch itself is in trouble.",
            "Set a contact point of an administrator of the operator, then try with 'lonewatch test-alarm'.",
        )
    ]


async def ladders_reach_somebody(_target: Target, log: Connection) -> list[Finding]:
    """Look at each site's ladders: roles that nobody holds, and whether anybody who holds one can be reached."""
    known = Known()
    for row in await log.fetch(FACTS):
        known.learn(row["type"], data_of(row["record"]))
    findings = []
    for site_id, policy_id in sorted(known.policy_of.items()):
        roles = known.asked.get(policy_id, frozenset())
        holders = known.held[site_id] | known.held[OPERATOR_SITE]
        if unheld := sorted(roles - {role for _, role in holders}):
            findings.append(
                warning(
                    "ladder_role_unheld",
                    f"Nobody at {site_id} is {', '.join(unheld)}, whom its ladders tell.",
                    "Give the roles to people of the site, or adopt a policy without them.",
                )
            )
        if not any(role in roles and worker_id in known.reachable for worker_id, role in holders):
            findings.append(
                warning(
                    "nobody_reachable",
                    f"Nobody whom the ladders of {site_id} tell has a contact point.",
                    "Set contact points of theirs, then try with 'lonewatch test-alarm'.",
                )
            )
    return findings or [ok("ladders_reach_somebody", "Every site's ladders have people who can be reached.")]
