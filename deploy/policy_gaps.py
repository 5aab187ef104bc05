"""Say where a policy leaves a gap. No error: the policy can be used, and somebody should know what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.policy_meaning import SINCE, cites_of
from shared.contracts.policy import Awaited, AwaitedApproval, Policy
from shared.contracts.roles import PERMISSIONS, RESPONDERS


def gaps(policy: Policy) -> list[str]:
    """Return what the policy lacks: rules that cannot take effect, questions nobody asks, rules without a source."""
    return [
        *_gaps_before_a_visit(policy),
        *_gaps_in_awaits(policy),
        *_gaps_in_ladders(policy),
        *_gaps_in_sources(policy),
    ]


def _gaps_before_a_visit(policy: Policy) -> Iterator[str]:
    for role in policy.approval.roles:
        if role not in PERMISSIONS["approve_visit"]:
            yield f"approval.roles: {role.value} may not approve a visit, so this entry does nothing"
    if len(set(policy.approval.roles)) == 1:
        only = policy.approval.roles[0].value
        yield f"approval.roles: nobody stands in for {only}; while they are away no visit is approved"
    if not policy.gate.factors:
        yield "gate.factors: an assessment has to cover nothing"
    if not policy.gate.dynamic_questions:
        yield "gate.dynamic_questions: nothing is asked when a visit starts"
    if policy.check_ins.remind_before.span >= policy.check_ins.interval.span:
        yield "check_ins.remind_before: not shorter than the interval, so nobody is reminded before a check-in is due"


def _gaps_in_awaits(policy: Policy) -> Iterator[str]:
    own = {ladder.trigger for ladder in policy.ladders}
    for what in ("approval", *SINCE):
        awaited: AwaitedApproval | Awaited | None = getattr(policy.awaits, what)
        if awaited is None:
            yield f"awaits.{what}: is not awaited, so nobody is told where it does not come"
        elif f"{what}_overdue" not in own:
            yield f"awaits.{what}: no ladder for {what}_overdue, so it goes by the one for a missed check-in"
        if isinstance(awaited, Awaited) and awaited.remind_after and awaited.remind_after >= awaited.tell_after:
            yield f"awaits.{what}.remind_after: not shorter than tell_after, so others are told before the worker is reminded"


def _gaps_in_ladders(policy: Policy) -> Iterator[str]:
    for number, ladder in enumerate(policy.ladders, start=1):
        if ladder.trigger == "system":
            yield f"ladders[{number}]: system is no trigger of a visit, so this ladder does nothing; the operator has one apart"
    for number, ladder in enumerate(policy.ladders, start=1):
        for place, step in enumerate(ladder.steps, start=1):
            for role in step.notify:
                if role not in RESPONDERS:
                    yield f"ladders[{number}].steps[{place}].notify: {role.value} is told and may not act on it"


def _gaps_in_sources(policy: Policy) -> Iterator[str]:
    for where, cites in cites_of(policy, ""):
        if not (cites.ours or cites.clauses or cites.requirements):
            yield f"{where}: does not say where it comes from; cite a clause, or mark it ours"
