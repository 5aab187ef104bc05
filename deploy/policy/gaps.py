"""Say where a policy leaves a gap. No error: the policy can be used, and somebody should know what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.policy.meaning import SINCE, cites_of
from shared.contracts.ladders import STANDS_IN, Ladder, Step
from shared.contracts.policy import Awaited, AwaitedApproval, Policy
from shared.contracts.roles import PERMISSIONS, RESPONDERS


def gaps(policy: Policy) -> list[str]:
    """Return what the policy lacks: rules that cannot take effect, questions nobody asks, rules without a source."""
    return [
        *_gaps_before_a_visit(policy),
        *_gaps_in_awaits(policy),
        *_gaps_in_triggers(policy),
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


def _gaps_in_awaits(policy: Policy) -> Iterator[str]:
    own = {ladder.trigger for ladder in policy.ladders}
    for what in ("approval", *SINCE):
        awaited: AwaitedApproval | Awaited | None = getattr(policy.awaits, what)
        if awaited is None:
            yield f"awaits.{what}: is not awaited, so nobody is told where it does not come"
        elif f"{what}_overdue" not in own:
            yield f"awaits.{what}: no ladder for {what}_overdue, so it goes by the one for a missed check-in"


def _gaps_in_triggers(policy: Policy) -> Iterator[str]:
    own = {ladder.trigger for ladder in policy.ladders}
    for trigger, other in STANDS_IN.items():
        if trigger not in own:
            yield f"ladders: none for {trigger}, so it goes by the one for {other}"
    if policy.unsafe_ends is None:
        yield "unsafe_ends: is not there, so only the reason unsafe tells somebody when a visit ends early"


def _gaps_in_ladders(policy: Policy) -> Iterator[str]:
    for number, ladder in enumerate(policy.ladders, start=1):
        at = f"ladders[{number}]"
        if ladder.trigger == "system":
            yield f"{at}: system is no trigger of a visit, so this ladder does nothing; the operator has one apart"
        if ladder.trigger == "duress":
            yield from _gaps_in_duress(ladder, at)
        elif ladder.instead:
            yield f"{at}.instead: stops the ladders that run, though nobody is under duress"
        for place, step in enumerate(ladder.steps, start=1):
            yield from _gaps_in_step(step, f"{at}.steps[{place}]")


def _gaps_in_step(step: Step, at: str) -> Iterator[str]:
    for role in step.notify:
        if role not in RESPONDERS:
            yield f"{at}.notify: {role.value} is told and may not act on it"
    if step.task is None:
        return
    for number, outcome in enumerate(step.task.outcomes, start=1):
        if outcome.after == step.wait:
            yield f"{at}.task.outcomes[{number}].after: as long as the step's wait, which comes first"
    if step.task.code_words and all(outcome.raises != "duress" for outcome in step.task.outcomes):
        yield f"{at}.task.code_words: are shown, and no outcome raises duress"


def _gaps_in_duress(ladder: Ladder, at: str) -> Iterator[str]:
    if not ladder.instead:
        yield f"{at}.instead: is not true, so the calls that run already go on ringing a worker who is not alone"
    for place, step in enumerate(ladder.steps, start=1):
        if step.task is None:
            continue
        if step.task.calls not in {None, "emergency_services"}:
            yield f"{at}.steps[{place}].task.calls: rings where somebody may overhear it, so under duress no number is shown"
        for number, outcome in enumerate(step.task.outcomes, start=1):
            if outcome.how == "spoke_with_worker":
                said = "is refused under duress, as the worker may be made to say it"
                yield f"{at}.steps[{place}].task.outcomes[{number}].how: {said}"


def _gaps_in_sources(policy: Policy) -> Iterator[str]:
    for where, cites in cites_of(policy):
        if not (cites.ours or cites.clauses or cites.requirements):
            yield f"{where}: does not say where it comes from; cite a clause, or mark it ours"
    if not policy.clauses:
        yield "clauses: is empty, so nobody who reads a citation learns what it says"
