"""What is wrong with a ladder although each of its values is right: where its steps lead, and times that contradict each other.

Pure, and beyond what the contract can say. A sentence names what is wrong and what to do; its path counts list entries
from 1. The decider of escalations relies on none of this: a ladder that breaks a rule still tells somebody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.contracts.ladders import ACKNOWLEDGED, EXHAUSTED, NEXT, RESERVED, RESOLVED, Ladder, Outcome, Step, Task
from shared.contracts.policy_words import did_you_mean, span_text
from shared.contracts.roles import RESPONDERS

Problem = tuple[str, str]
"""Where, and what is wrong with what to do."""

_ENDS = (RESOLVED, ACKNOWLEDGED)


def ladder_problems(ladder: Ladder, at: str) -> Iterator[Problem]:
    """Find what is wrong with a ladder. ``at`` is its path, as ``ladders[1]``."""
    yield from _key_problems(ladder, at)
    for number, step in enumerate(ladder.steps, start=1):
        where = f"{at}.steps[{number}]"
        yield from _step_problems(step, where)
        if step.then is not None:
            yield from _lead_problem(ladder, number, step.then, f"{where}.then", (EXHAUSTED,))
        if step.task is None:
            continue
        yield from _task_problems(step.task, step.wait, f"{where}.task")
        for place, outcome in enumerate(step.task.outcomes, start=1):
            path = f"{where}.task.outcomes[{place}]"
            yield from _outcome_problems(outcome, step.wait, path)
            if outcome.raises is not None:
                yield from _raise_problems(outcome, path, of_system=ladder.trigger == "system")
            if outcome.leads_to is not None:
                yield from _lead_problem(ladder, number, outcome.leads_to, f"{path}.leads_to", (NEXT, *_ENDS))
    yield from _way_problems(ladder, at)


def _key_problems(ladder: Ladder, at: str) -> Iterator[Problem]:
    for number, step in enumerate(ladder.steps, start=1):
        path = f"{at}.steps[{number}].key"
        if step.key in RESERVED:
            yield path, f'"{step.key}" is a word of the format; give the step another key'
        elif step.key is not None and ladder.number_of(step.key) != number:
            other = ladder.number_of(step.key)
            yield path, f'"{step.key}" is the key of step {other} too; give one of them another key'


def _step_problems(step: Step, where: str) -> Iterator[Problem]:
    if step.task is None and not step.notify:
        yield f"{where}.notify", "is empty, and there is no task either; give roles that are told, or a task"
    elif step.task is not None and step.notify:
        yield f"{where}.notify", "stands beside a task; a step tells people or is a task, so take one of them out"


def _task_problems(task: Task, wait: timedelta, where: str) -> Iterator[Problem]:
    for place, role in enumerate(task.who, start=1):
        if role not in RESPONDERS:
            yield f"{where}.who[{place}]", f"{role.value} may not act on an escalation; name a role that may"
    for name, span in (("take_within", task.take_within.span), ("finish_within", task.finish_within.span)):
        if span >= wait:
            what = f"{span_text(span)} are not shorter than the step's wait of {span_text(wait)}, when the next step starts"
            yield f"{where}.{name}.span", f"{what}; make {name} shorter, or wait longer"
    yield from _twice([question.code for question in task.questions], f"{where}.questions", "question")
    yield from _twice([outcome.code for outcome in task.outcomes], f"{where}.outcomes", "outcome")


def _twice(codes: Sequence[str], where: str, what: str) -> Iterator[Problem]:
    for place, code in enumerate(codes, start=1):
        if code in codes[: place - 1]:
            said = f'"{code}" is the code of another {what} of this task; give it one of its own'
            yield f"{where}[{place}].code", said


def _outcome_problems(outcome: Outcome, wait: timedelta, where: str) -> Iterator[Problem]:
    if outcome.leads_to is None and outcome.raises is None:
        yield where, f'"{outcome.code}" leads nowhere and raises nothing; give it leads_to, or raises'
    if outcome.leads_to == RESOLVED and outcome.how is None:
        yield where, f'"{outcome.code}" ends it and does not say how; add how, as "spoke_with_worker"'
    if outcome.leads_to != RESOLVED and outcome.how is not None:
        yield f"{where}.how", "says how it ended, and this outcome does not end it; take it out, or lead to resolved"
    if outcome.after is None:
        return
    if outcome.leads_to is None or outcome.leads_to in _ENDS:
        yield f"{where}.after", "counts to a step, and this outcome leads to none; take it out, or lead to a step"
    elif outcome.after > wait:
        what = f"{span_text(outcome.after)} are longer than the step's wait of {span_text(wait)}, which comes first"
        yield f"{where}.after", f"{what}; make after shorter, or wait longer"


def _raise_problems(outcome: Outcome, where: str, *, of_system: bool) -> Iterator[Problem]:
    if of_system:
        yield f"{where}.raises", "is about a worker, and the ladder for system is about none; take it out"
    elif outcome.raises == "system":
        yield f"{where}.raises", '"system" is about Lonewatch itself, never about a worker; raise another trigger'
    if outcome.leads_to == RESOLVED:
        yield f"{where}.raises", "clashes with resolved: nobody is safe of whom this is said; take one of them out"
    if outcome.records:
        yield f"{where}.records", "stand beside raises, and a trigger waits for no fact; take one of them out"


def _lead_problem(ladder: Ladder, number: int, key: str, where: str, words: tuple[str, ...]) -> Iterator[Problem]:
    if key in words:
        return
    target = ladder.number_of(key)
    if target is None or key in RESERVED:
        later = [step.key for step in ladder.steps[number:] if step.key and step.key not in RESERVED]
        known = [*later, *words]
        yield where, f'no later step has the key "{key}"{did_you_mean(key, known)}; it may be {", ".join(known)}'
    elif target <= number:
        back = "leads to its own step" if target == number else f"leads back to step {target}"
        yield where, f'"{key}" {back}, so the ladder would go round in a cycle; lead to a later step'


def _way_problems(ladder: Ladder, at: str) -> Iterator[Problem]:
    reached = reachable(ladder)
    for number, step in enumerate(ladder.steps, start=1):
        if number not in reached:
            named = f'"{step.key}"' if step.key else "it, which needs a key for that,"
            said = f"is unreachable: every way goes past it; let {named} be led to, or take it out"
            yield f"{at}.steps[{number}]", said
    tasks = [step.task for number, step in enumerate(ladder.steps, start=1) if step.task and number in reached]
    if tasks and not any(outcome.leads_to in _ENDS for task in tasks for outcome in task.outcomes):
        yield at, "has no end: no outcome of its tasks leads to resolved or acknowledged; let one of them"


def reachable(ladder: Ladder) -> frozenset[int]:
    """Return the numbers of the steps to which time or an outcome leads. What leads back or nowhere counts as next."""
    reached = {1}
    for number, step in enumerate(ladder.steps, start=1):
        if number not in reached:
            continue
        outcomes = step.task.outcomes if step.task else ()
        leads = (ladder.number_of(one.leads_to) or 0 for one in outcomes if one.leads_to)
        reached |= {target for target in (ladder.following(number), *leads) if number < target <= len(ladder.steps)}
    return frozenset(reached)
