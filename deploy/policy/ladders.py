"""Say what a ladder means, step by step, for people who read it. Pure: a ladder in, sentences and times out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from shared.contracts.base import Cites
from shared.contracts.ladders import ACKNOWLEDGED, NEXT, RESOLVED, Ladder, Outcome, Step, Task
from shared.contracts.policy_words import span_text
from shared.contracts.roles import Role

CALLS = {
    "worker_mobile": "rings the worker's mobile",
    "worker_home": "rings the worker at home",
    "visit_contacts": "rings the contacts of the visit",
    "emergency_services": "calls emergency services",
}
"""What a task rings, in words."""


def source_text(cites: Cites) -> str:
    """Say where a rule comes from: its clauses and rows, ``ours``, or both where a clause leaves open what we fill."""
    named = ", ".join((*cites.clauses, *cites.requirements))
    if cites.ours:
        return f"ours, for {named}" if named else "ours"
    return named or "no source"


def names(roles: tuple[Role, ...], joined: str = " and ") -> str:
    """Return roles as they stand in a policy file."""
    return joined.join(role.value for role in roles)


def unanswered(ladder: Ladder) -> tuple[tuple[timedelta | None, ...], timedelta]:
    """Return when each step starts where nobody says anything, from the trigger, and when the ladder is exhausted.

    None for a step to which only an outcome leads.
    """
    starts: list[timedelta | None] = [None] * len(ladder.steps)
    at, number = timedelta(0), 1
    while True:
        starts[number - 1] = at
        at += ladder.steps[number - 1].wait
        number = ladder.following(number)
        if number > len(ladder.steps):
            return tuple(starts), at


def ladder_lines(ladder: Ladder) -> Iterator[str]:
    """Return a ladder in lines: when each step starts, whom it tells or what it gives them to do, and what may follow."""
    starts, exhausted = unanswered(ladder)
    yield f"Escalation: {ladder.trigger} [{source_text(ladder.cites)}]"
    if ladder.instead:
        yield "  runs instead of the ladders that run already"
    for start, step in zip(starts, ladder.steps, strict=True):
        yield f"  {_when(start)}: {_who(step)} [{source_text(step.cites)}] {step.name}"
        if step.task:
            yield from _task_lines(step.task)
        then = "" if step.then is None else f", then {step.then}"
        yield f"    then waits: {span_text(step.wait)}{then} [{source_text(step.wait_cites)}]"
    again = f"{span_text(ladder.repeat_every.span)} [{source_text(ladder.repeat_every.cites)}]"
    yield f"  after {span_text(exhausted)}: everyone of the site, again every {again}"
    lasts = ladder.acknowledgement_lasts
    yield f"  an acknowledgement lasts: {span_text(lasts.span)} [{source_text(lasts.cites)}]"


def _when(start: timedelta | None) -> str:
    if start is None:
        return "by an outcome only"
    return f"after {span_text(start)}" if start else "at once"


def _who(step: Step) -> str:
    return f"a task for {names(step.task.who, ', then ')}" if step.task else names(step.notify)


def _task_lines(task: Task) -> Iterator[str]:
    does = f"{CALLS[task.calls]}; " if task.calls else ""
    taken, done = task.take_within, task.finish_within
    within = f"taken within {span_text(taken.span)} [{source_text(taken.cites)}], "
    yield f"    {does}{within}done within {span_text(done.span)} [{source_text(done.cites)}]"
    for outcome in task.outcomes:
        yield f"    {outcome.code}: {leads(outcome)} [{source_text(outcome.cites)}]"


def leads(outcome: Outcome) -> str:
    """Say where an outcome leads and what it raises."""
    after = f" after {span_text(outcome.after)}" if outcome.after else " at once"
    to = {
        None: "",
        RESOLVED: "the end, the worker is safe",
        ACKNOWLEDGED: "whoever did it has it in hand",
        NEXT: f"the next step{after}",
    }.get(outcome.leads_to, f"{outcome.leads_to}{after}")
    raised = f"raises {outcome.raises}" if outcome.raises else ""
    return ", ".join(part for part in (to, raised) if part)
