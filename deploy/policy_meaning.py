"""Say what a policy means for the people under it. Pure: a policy in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate

from pydantic import BaseModel

from shared.contracts.base import Cites
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Awaited, Awaits, Policy
from shared.contracts.roles import Role
from shared.contracts.spans import Timed

SINCE = {"start": "the planned start", "end": "the expected end", "report": "the end"}
"""What is awaited of a worker beside check-ins, and from when its spans count."""

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def span_text(span: timedelta) -> str:
    """Return a span as people write it: ``1 hour 30 minutes``."""
    rest, parts = span.total_seconds(), []
    for name, seconds in _UNITS:
        count = rest if seconds == 1 else rest // seconds
        rest -= count * seconds
        if count:
            parts.append(f"{count:g} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def source_text(cites: Cites) -> str:
    """Say where a rule comes from: its clauses and rows, ``ours``, or both where a clause leaves open what we fill."""
    named = ", ".join((*cites.clauses, *cites.requirements))
    if cites.ours:
        return f"ours, for {named}" if named else "ours"
    return named or "no source"


def step_starts(ladder: Ladder) -> tuple[timedelta, ...]:
    """Return when each step starts, counted from the trigger; and last, when the ladder is exhausted."""
    return tuple(accumulate((step.wait for step in ladder.steps), initial=timedelta(0)))


def meaning(policy: Policy) -> list[str]:
    """Return the policy in sentences: who approves, what is asked, when check-ins fall due, who is told when."""
    return [
        f"{policy.title} ({policy.policy_id}), {policy.organisation}",
        f"  from: {policy.text}",
        "Before a visit",
        f"  approved by: {_names(policy.approval.roles)} [{source_text(policy.approval.cites)}]",
        f"  assessment covers: {_words(policy.gate.factors)} [{source_text(policy.gate.factors_cites)}]",
        f"  assessment valid for: {_timed(policy.gate.valid_for)}",
        f"  asked at each start: {_words(policy.gate.dynamic_questions)} [{source_text(policy.gate.questions_cites)}]",
        f"Check-ins [{source_text(policy.check_ins.cites)}]",
        f"  at the latest every: {_timed(policy.check_ins.interval)}",
        f"  reminder before: {_timed(policy.check_ins.remind_before)}",
        f"  missed after a grace of: {_timed(policy.check_ins.grace)}",
        *_awaits_lines(policy.awaits),
        *(line for ladder in policy.ladders for line in _ladder_lines(ladder)),
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


def _ladder_lines(ladder: Ladder) -> Iterator[str]:
    starts = step_starts(ladder)
    yield f"Escalation: {ladder.trigger} [{source_text(ladder.cites)}]"
    for start, step in zip(starts, ladder.steps, strict=False):
        when = f"after {span_text(start)}" if start else "at once"
        yield f"  {when}: {_names(step.notify)} [{source_text(step.cites)}] {step.name}"
        yield f"    then waits: {span_text(step.wait)} [{source_text(step.wait_cites)}]"
    yield f"  after {span_text(starts[-1])}: everyone of the site, again every {_timed(ladder.repeat_every)}"
    yield f"  an acknowledgement lasts: {_timed(ladder.acknowledgement_lasts)}"


def _timed(timed: Timed) -> str:
    return f"{span_text(timed.span)} [{source_text(timed.cites)}]"


def _words(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) or "nothing"


def _names(roles: tuple[Role, ...]) -> str:
    return " and ".join(role.value for role in roles)


def defaults(policy: Policy) -> list[str]:
    """Return the key paths of the rules that are ours, at least in part, because the text leaves them open."""
    return [where for where, cites in cites_of(policy, "") if cites.ours]


def cites_of(value: object, at: str) -> Iterator[tuple[str, Cites]]:
    """Walk through a policy: each citation with the key path of the rule it belongs to."""
    if isinstance(value, Cites):
        yield at.removesuffix(".cites").removesuffix("_cites"), value
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from cites_of(getattr(value, key), f"{at}.{key}" if at else key)
    elif isinstance(value, tuple):
        for number, one in enumerate(value, start=1):
            yield from cites_of(one, f"{at}[{number}]")
