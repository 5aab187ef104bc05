"""What is wrong with a policy although each of its values is right: rules that clash, sources that do not exist.

Pure, and beyond what the contract can say; ``ladder_rules`` has what concerns a ladder alone. Asked before a policy is
adopted. What a policy merely lacks is a gap, which is not said here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from shared.contracts.base import Cites
from shared.contracts.ladder_rules import Problem, ladder_problems
from shared.contracts.policy import Awaited, Policy
from shared.contracts.policy_words import did_you_mean, span_text
from shared.contracts.requirement_ids import REQUIREMENT_IDS


def problems_of(policy: Policy) -> list[Problem]:
    """Return each problem with its key path, in which list entries count from 1, and a sentence: what, and what to do."""
    return [
        *_clashing_times(policy),
        *(
            one
            for number, it in enumerate(policy.ladders, start=1)
            for one in ladder_problems(it, f"ladders[{number}]")
        ),
        *_unknown_sources(policy),
    ]


def _clashing_times(policy: Policy) -> Iterator[Problem]:
    interval, remind = policy.check_ins.interval.span, policy.check_ins.remind_before.span
    if remind >= interval:
        what = f"{span_text(remind)} are not shorter than the interval of {span_text(interval)}"
        yield "check_ins.remind_before.span", f"{what}, so the reminder would never come in time; make it shorter"
    for what in ("start", "end", "report"):
        awaited: Awaited | None = getattr(policy.awaits, what)
        if awaited and awaited.remind_after and awaited.remind_after >= awaited.tell_after:
            late = f"{span_text(awaited.remind_after)} are not shorter than tell_after"
            yield f"awaits.{what}.remind_after", f"{late}, so others are told before the worker; make it shorter"


def _unknown_sources(policy: Policy) -> Iterator[Problem]:
    for where, cites in cited(policy):
        for place, clause in enumerate(cites.clauses, start=1):
            if policy.clauses and clause not in policy.clauses:
                meant = did_you_mean(clause, policy.clauses)
                what = f'"{clause}" does not stand in [clauses]{meant}; correct it, or add it there with a few words'
                yield f"{where}.clauses[{place}]", what
        for place, row in enumerate(cites.requirements, start=1):
            if row not in REQUIREMENT_IDS:
                meant = did_you_mean(row, sorted(REQUIREMENT_IDS))
                what = f'there is no requirement "{row}"{meant}; cite an id of docs/requirements.md, or take it out'
                yield f"{where}.requirements[{place}]", what


def cited(value: object, at: str = "") -> Iterator[tuple[str, Cites]]:
    """Walk through a policy: each citation with its own key path, as ``ladders[1].cites``.

    That of a span that is left out is left out too.
    """
    if isinstance(value, Cites):
        yield at, value
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            if key == "after_cites" and getattr(value, "after", None) is None:
                continue
            yield from cited(getattr(value, key), f"{at}.{key}" if at else key)
    elif isinstance(value, tuple):
        for number, one in enumerate(value, start=1):
            yield from cited(one, f"{at}[{number}]")
