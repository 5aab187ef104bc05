"""What somebody wants to see happen in a simulation: who takes a task when, what comes of it, who does not react.

Reads what was typed on the command line against one policy. Every mistake is a WishError with what is wrong and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from deploy.policy_moments import SOME_DAY, WishError, instant, passed
from shared.contracts.ladders import Ladder, Step, Trigger
from shared.contracts.policy import Policy
from shared.contracts.policy_words import did_you_mean
from shared.contracts.roles import RESPONDERS, Role

_WISH = re.compile(r"(?:(?P<trigger>[a-z_]+)\.)?(?P<step>[a-z0-9_]+)=(?P<what>[a-z0-9_]+)(?:@(?P<when>\S+))?")


@dataclass(frozen=True)
class Wish:
    """Something that a person does with a task: they take it, or say what came of it."""

    trigger: str | None
    """Of the ladder that is meant; None for whichever ladder comes to such a step first."""
    step: str
    """Its key, or its number."""
    after: timedelta
    """From the start of the step."""
    outcome: str | None = None
    role: Role | None = None
    """Who takes it; None for what comes of it."""

    def means(self, ladder: Ladder, number: int) -> bool:
        """Say whether this is about the step with this number of this ladder."""
        step = ladder.steps[number - 1]
        if self.trigger not in {None, ladder.trigger} or self.step not in {step.key, str(number)} or step.task is None:
            return False
        return self.outcome is None or step.task.outcome(self.outcome) is not None


@dataclass(frozen=True)
class Wishes:
    """All that is to happen, and who never reacts."""

    trigger: Trigger
    started_at: datetime
    done: tuple[Wish, ...]
    absent: frozenset[Role]


def wishes(
    policy: Policy, trigger: str, answers: Iterable[str], takes: Iterable[str], absent: Iterable[str], at: str | None
) -> Wishes:
    """Read what is to happen under this policy. Raises WishError."""
    first = trigger_named(trigger)
    ladders: dict[str, Ladder] = {it.trigger: it for it in _may_run(policy, policy.ladder_for(first))}
    away = frozenset(_role(role) for role in absent)
    taken = [_take(text, ladders) for text in takes]
    for wish in taken:
        if wish.role in away:
            raise WishError(f"{wish.role} is absent and takes nothing: leave one of the two out.")
    done = (*taken, *(_answer(text, ladders) for text in answers))
    return Wishes(first, instant(at) if at else SOME_DAY, tuple(done), away)


def trigger_named(text: str) -> Trigger:
    """Return the trigger of a visit that is called so. Raises WishError."""
    triggers: tuple[Trigger, ...] = get_args(Trigger)
    known = [one for one in triggers if one != "system"]
    found = next((one for one in known if one == text), None)
    if found is None:
        raise WishError(f"{text}: is no trigger of a visit{did_you_mean(text, known)}; it may be {', '.join(known)}.")
    return found


def _may_run(policy: Policy, ladder: Ladder) -> list[Ladder]:
    """Return the ladder, and those that its outcomes, and theirs, may start."""
    found, ahead = [], [ladder]
    while ahead:
        it = ahead.pop(0)
        if it in found:
            continue
        found.append(it)
        outcomes = (outcome for step in it.steps if step.task for outcome in step.task.outcomes)
        ahead += [policy.ladder_for(one.raises) for one in outcomes if one.raises and one.raises != "system"]
    return found


def _take(text: str, ladders: dict[str, Ladder]) -> Wish:
    found, _ = _parts(text, ladders, "ring_mobile=supervisor@1m")
    return Wish(found["trigger"], found["step"], passed(found["when"], text), role=_role(found["what"]))


def _answer(text: str, ladders: dict[str, Ladder]) -> Wish:
    found, steps = _parts(text, ladders, "ring_mobile=no_answer@2m")
    known = [outcome.code for step in steps if step.task for outcome in step.task.outcomes]
    if not known:
        raise WishError(f"{text}: {found['step']} tells people and asks for nothing; answer a step that is a task.")
    code = found["what"]
    if code not in known:
        meant, of_it = did_you_mean(code, known), ", ".join(dict.fromkeys(known))
        raise WishError(f"{text}: {found['step']} has no outcome {code}{meant}; it may be {of_it}.")
    return Wish(found["trigger"], found["step"], passed(found["when"], text), outcome=code)


def _parts(text: str, ladders: dict[str, Ladder], example: str) -> tuple[dict[str, str], list[Step]]:
    match = _WISH.fullmatch(text)
    if match is None:
        raise WishError(f"{text}: cannot be read; write it as {example}, the time counted from the start of the step.")
    found = match.groupdict()
    trigger, step = found["trigger"], found["step"]
    if trigger is not None and trigger not in ladders:
        raise WishError(
            f"{text}: {trigger} does not start here{did_you_mean(trigger, ladders)}; it may be {', '.join(ladders)}."
        )
    steps = list(_named(step, ladders.values() if trigger is None else [ladders[trigger]]))
    if not steps:
        keys = [one.key for ladder in ladders.values() for one in ladder.steps if one.key]
        it_may_be = ", ".join(dict.fromkeys(keys)) or "a number"
        raise WishError(f"{text}: there is no step {step}{did_you_mean(step, keys)}; it may be {it_may_be}.")
    return found, steps


def _named(step: str, ladders: Iterable[Ladder]) -> Iterator[Step]:
    for ladder in ladders:
        yield from (one for number, one in enumerate(ladder.steps, start=1) if step in {one.key, str(number)})


def _role(text: str) -> Role:
    known = sorted(role.value for role in RESPONDERS)
    if text not in known:
        raise WishError(f"{text}: is no role that may act{did_you_mean(text, known)}; it may be {', '.join(known)}.")
    return Role(text)
