"""Say of every rule of a policy whether it is the policy's own words or a default of ours, and what its clauses say.

Pure: a policy in, rules out. What the rules mean is for ``policy_meaning``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

from pydantic import BaseModel

from deploy.policy.ladders import leads, names
from shared.contracts.base import Cites
from shared.contracts.ladders import Ladder, Outcome, Step
from shared.contracts.policy import Policy
from shared.contracts.policy_words import span_text
from shared.contracts.spans import Timed

OWN, IN_PART, OURS, UNSAID = "the policy's own", "ours, where the policy leaves it open", "ours", "nobody says"
"""Whose a rule is: in the text; the text speaks of it and we filled in; the text is silent; no source is given."""


@dataclass(frozen=True)
class Rule:
    """One rule, with where it comes from."""

    at: str
    """Its key path."""
    says: str
    whose: str
    clauses: dict[str, str]
    """Each clause that it cites, in a few words of ours; empty where the policy file has none for it."""
    requirements: tuple[str, ...]

    def lines(self, width: int) -> list[str]:
        """Return it for people, in lines of at most so many columns."""
        said = [f"  {self.says}", f"  {self.whose}"]
        said += [f"    {clause}: {words}" if words else f"    {clause}" for clause, words in self.clauses.items()]
        said += [f"    asked by {', '.join(self.requirements)}"] if self.requirements else []
        return [self.at, *(line for one in said for line in _wrapped(one, width))]

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return asdict(self)


def _wrapped(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, width, subsequent_indent=f"{indent}  ")


def explained(policy: Policy, trigger: str | None = None) -> list[Rule]:
    """Return every rule; with a trigger, those of its ladder only. Raises KeyError for what is no trigger of a visit."""
    wanted = None if trigger is None else policy.ladder_for(trigger)
    found = [] if wanted else list(_walk(policy.model_copy(update={"ladders": ()}), ""))
    for number, ladder in enumerate(policy.ladders, start=1):
        if wanted in (None, ladder):
            found += _walk(ladder, f"ladders[{number}]")
    return [
        Rule(at, says, _whose(cites), {one: policy.clauses.get(one, "") for one in cites.clauses}, cites.requirements)
        for at, says, cites in found
    ]


def _walk(value: object, at: str) -> Iterator[tuple[str, str, Cites]]:
    """Yield path, words and source of each rule in here, a rule before what belongs to it."""
    if isinstance(value, tuple):
        for number, one in enumerate(value, start=1):
            yield from _walk(one, f"{at}[{number}]")
    if not isinstance(value, BaseModel):
        return
    for key in type(value).model_fields:
        cites, path = getattr(value, key), f"{at}.{key}" if at else key
        if isinstance(cites, Cites) and not (key == "after_cites" and getattr(value, "after", None) is None):
            yield path.removesuffix(".cites").removesuffix("_cites"), _says(value, key), cites
    for key in type(value).model_fields:
        if not isinstance(getattr(value, key), Cites):
            yield from _walk(getattr(value, key), f"{at}.{key}" if at else key)


def _says(value: BaseModel, key: str) -> str:
    """Return what a rule says, in words."""
    match value, key:
        case Timed(span=span), _:
            return span_text(span)
        case Ladder(trigger=trigger), _:
            return f"what follows {trigger}"
        case Step(), "cites":
            who = f"a task for {names(value.task.who, ', then ')}" if value.task else f"tells {names(value.notify)}"
            return f"{value.name} ({who})"
        case Step(wait=wait), _:
            return f"{span_text(wait)} to the next step"
        case Outcome(after=timedelta() as after), "after_cites":
            return f"{span_text(after)} to {value.leads_to}"
        case Outcome(code=code), _:
            return f"{code}: {leads(value)}"
        case _:
            return _values(value, key)


def _values(value: BaseModel, key: str) -> str:
    own = {"factors_cites": {"factors"}, "questions_cites": {"dynamic_questions"}}.get(key)
    told = []
    for name, one in value:
        if own is not None and name not in own:
            continue
        if isinstance(one, timedelta):
            told.append(f"{name} {span_text(one)}")
        elif isinstance(one, tuple) and all(isinstance(entry, str) for entry in one):
            told.append(", ".join(one) or "nothing")
    return "; ".join(told) or "what stands below it"


def _whose(cites: Cites) -> str:
    if cites.ours:
        return IN_PART if cites.clauses else OURS
    return OWN if cites.clauses else UNSAID
