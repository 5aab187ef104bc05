"""Say what a policy means for the people under it. Pure: a policy in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.policy.ladders import ladder_lines, names, source_text
from shared.contracts.base import Cites
from shared.contracts.policy import Awaited, Awaits, Policy, UnsafeEnds
from shared.contracts.policy_rules import cited
from shared.contracts.policy_words import span_text
from shared.contracts.spans import Timed

SINCE = {"start": "the planned start", "end": "the expected end", "report": "the end"}
"""What is awaited of a worker beside check-ins, and from when its spans count."""


def meaning(policy: Policy) -> list[str]:
    """Return the policy in sentences: who approves, what is asked, when check-ins fall due, who is told when."""
    return [
        f"{policy.title} ({policy.policy_id}), {policy.organisation}",
        f"  from: {policy.text}",
        "Before a visit",
        f"  approved by: {names(policy.approval.roles)} [{source_text(policy.approval.cites)}]",
        f"  assessment covers: {_words(policy.gate.factors)} [{source_text(policy.gate.factors_cites)}]",
        f"  assessment valid for: {_timed(policy.gate.valid_for)}",
        f"  asked at each start: {_words(policy.gate.dynamic_questions)} [{source_text(policy.gate.questions_cites)}]",
        f"Check-ins [{source_text(policy.check_ins.cites)}]",
        f"  at the latest every: {_timed(policy.check_ins.interval)}",
        f"  reminder before: {_timed(policy.check_ins.remind_before)}",
        f"  missed after a grace of: {_timed(policy.check_ins.grace)}",
        *_awaits_lines(policy.awaits),
        *_unsafe_lines(policy.unsafe_ends),
        *(line for ladder in policy.ladders for line in ladder_lines(ladder)),
    ]


def _awaits_lines(awaits: Awaits) -> Iterator[str]:
    if awaits == Awaits():
        return
    yield "Awaited beside check-ins"
    if awaits.approval:
        before, after = span_text(awaits.approval.before_start), span_text(awaits.approval.after_plan)
        source = source_text(awaits.approval.cites)
        yield f"  approval: overdue {before} before the start, or {after} after the plan where that is later [{source}]"
    for what, since in SINCE.items():
        awaited: Awaited | None = getattr(awaits, what)
        if awaited:
            told = f"overdue {span_text(awaited.tell_after)} after {since}"
            reminded = (
                f", reminder {span_text(awaited.remind_after)} after it" if awaited.remind_after else ", no reminder"
            )
            yield f"  {what}: {told}{reminded} [{source_text(awaited.cites)}]"


def _unsafe_lines(unsafe: UnsafeEnds | None) -> Iterator[str]:
    if unsafe is not None:
        yield f"Ended early for one of these, somebody is told: {', '.join(unsafe.reasons)} [{source_text(unsafe.cites)}]"


def _timed(timed: Timed) -> str:
    return f"{span_text(timed.span)} [{source_text(timed.cites)}]"


def _words(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) or "nothing"


def defaults(policy: Policy) -> list[str]:
    """Return the key paths of the rules that are ours, at least in part, because the text leaves them open."""
    return [where for where, cites in cites_of(policy) if cites.ours]


def cites_of(policy: Policy) -> Iterator[tuple[str, Cites]]:
    """Walk through a policy: each citation with the key path of the rule it belongs to."""
    for where, cites in cited(policy):
        yield where.removesuffix(".cites").removesuffix("_cites"), cites
