"""The made-up people of a simulation: one for each role that a policy names."""

from __future__ import annotations

from services.escalation.domain import Directory
from shared.contracts.policy import Policy
from shared.contracts.roles import RESPONDERS, Role

PEOPLE = {
    Role.ADMINISTRATOR: "Ada",
    Role.SUPERVISOR: "Sam",
    Role.LINE_MANAGER: "Lin",
    Role.HEAD_OF_PROVISION: "Hal",
    Role.SENIOR_LEADER: "Sol",
    Role.DSL: "Dee",
}
"""Who holds each role in every simulation."""


def directory_of(policy: Policy) -> Directory:
    """Return who can be told in a simulation of this policy."""
    steps = [step for ladder in policy.ladders for step in ladder.steps]
    named = {role for step in steps for role in (step.task.who if step.task else step.notify)}
    holders = {role: (name.lower(),) for role, name in PEOPLE.items() if role in named & RESPONDERS}
    return Directory(holders, tuple(person for (person,) in holders.values()))
