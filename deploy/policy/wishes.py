"""What somebody wants to see happen in a simulation: who takes a task when, what comes of it, who does not react.

Reads what was typed on the command line against one policy. Every mistake is a WishError with what is wrong and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.policy.typed import SOME_DAY, WishError, instant, passed, role_named, trigger_named
from shared.contracts.ladders import Ladder, Step, Trigger
from shared.contracts.policy import Policy
from shared.contracts.policy_words import did_you_mean
from shared.contracts.roles import Role

_WISH = re.compile(r"(?:(?P<trigger>[a-z_]+)\.)?(?P<step>[a-z0-9_]+)=(?P<what>[a-z0-9_]+)(?:@(?P<when>\S+))?")


@dataclass(frozen=True)
class Wish:
    """Something that a person does: they take a task, say what came of it, or acknowledge the escalation."""

    trigger: str | None
    """Of the ladder that is meant; None for whichever ladder comes to such a step first."""
    step: str | None
    """Its key, or its number; None for an acknowledgement."""
    after: timedelta
    """From the start of the step, or from the trigger where there is none."""
    outcome: str | None = None
    role: Role | None = None
    """Who takes it; None for what comes of it."""

    def __str__(self) -> str:
        """Return it much as it was typed."""
        return f"{self.step}={self.outcome or self.role}" if self.step else f"{self.role} acknowledging"

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


@dataclass(frozen=True)
class Typed:
    """What was typed on the command line."""

    answers: Sequence[str] = ()
    takes: Sequence[str] = ()
    acknowledging: Sequence[str] = ()
    absent: Sequence[str] = ()


def wishes(policy: Policy, trigger: str, typed: Typed, at: str | None) -> Wishes:
    """Read what is to happen under this policy. Raises WishError."""
    first = trigger_named(trigger)
    ladders: dict[str, Ladder] = {it.trigger: it for it in _may_run(policy, policy.ladder_for(first))}
    away = frozenset(role_named(role) for role in typed.absent)
    acting = [*(_take(text, ladders) for text in typed.takes), *map(_acknowledging, typed.acknowledging)]
    for wish in acting:
        if wish.role in away:
            raise WishError(f"{wish.role} is absent and does nothing: leave one of the two out.")
    done = (*acting, *(_answer(text, ladders) for text in typed.answers))
    return Wishes(first, instant(at) if at else SOME_DAY, tuple(done), away)


def _acknowledging(text: str) -> Wish:
    role, _, when = text.partition("@")
    return Wish(None, None, passed(when or None, text), role=role_named(role))


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
    return Wish(found["trigger"], found["step"], passed(found["when"], text), role=role_named(found["what"]))


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
