"""Sentences about tasks: to whom one was offered, who took it, what came of it. It never says more than somebody said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from services.audit.domain.frozen import Ladders, step_of, task_name
from services.audit.domain.words import clock, person, plain, told
from shared.contracts import tasks
from shared.contracts.base import Event
from shared.contracts.escalations import StepStarted


def of_task(event: Event, near: datetime, ladders: Ladders) -> str | None:
    """Return the sentence of an event about a task; None for any other."""
    match event:
        case StepStarted(task=True, part=1) as started:
            return _offered(started, near)
        case tasks.TaskPassedOn(part=part, asks=asks) if part > 1:
            return f"part {part} of the same; told too: {told(asks)}."
        case tasks.TaskTaken() as taken:
            return _taken(taken, near, ladders)
        case tasks.TaskHandedOver(by=by, to=to) as handed:
            return f"{person(by)} asked {person(to)} to take {_name(handed, ladders)}; until they do, it stays where it is."
        case tasks.TaskPassedOn() as passed:
            return f"{_why_free(passed, ladders)}; {_to_whom(passed, near)}."
        case tasks.TaskDone() as done:
            return (
                f"{person(done.by)} did {_name(done, ladders)} ({done.via}): {'; '.join(_came(done, near, ladders))}."
            )
        case _:
            return None


def _name(event: tasks.TaskTaken | tasks.TaskHandedOver | tasks.TaskPassedOn | tasks.TaskDone, ladders: Ladders) -> str:
    return task_name(ladders, event.escalation_id, event.ladder_no, event.step)


def _offered(started: StepStarted, near: datetime) -> str:
    follows = f"what follows is due at {clock(started.next_at, near)}"
    if not started.asks:
        offered = "nobody holds its roles, so it is offered to nobody"
    elif started.passes_on_at is None:
        offered = f"offered to {told(started.asks)}; there is nobody else to offer it to"
    else:
        offered = f"offered to {told(started.asks)}, and to others if untaken at {clock(started.passes_on_at, near)}"
    return f"step {started.step} ({started.name}), a task, started; {offered}; {follows}."


def _taken(taken: tasks.TaskTaken, near: datetime, ladders: Ladders) -> str:
    handed = f", handed over by {person(taken.handed_by)}" if taken.handed_by else ""
    passes = (
        f"not done by {clock(taken.passes_on_at, near)}, it passes on"
        if taken.passes_on_at
        else "the ladder has gone on already"
    )
    return f"{person(taken.by)} took {_name(taken, ladders)} ({taken.via}){handed}; {passes}."


def _why_free(passed: tasks.TaskPassedOn, ladders: Ladders) -> str:
    task = _name(passed, ladders)
    holder = person(passed.by) if passed.by else "whoever held it"
    match passed.reason:
        case "untaken":
            return f"nobody took {task} in time"
        case "unfinished":
            return f"{holder} did not finish {task} in time, so it is free again"
        case "given_back":
            return f"{holder} gave {task} back, so it is free again"
        case "reached_nobody":
            return f"nobody who was offered {task} could be told"


def _to_whom(passed: tasks.TaskPassedOn, near: datetime) -> str:
    if not passed.asks:
        return "nobody else is left to offer it to, and the ladder goes on at its time"
    until = f", and to others if untaken at {clock(passed.passes_on_at, near)}" if passed.passes_on_at else ""
    return f"offered to {told(passed.asks)}{until}"


def _came(done: tasks.TaskDone, near: datetime, ladders: Ladders) -> Iterator[str]:
    """Yield what came of a task. That somebody was called is said, and never that anybody came."""
    yield plain(done.outcome)
    if done.answers:
        yield "answers: " + ", ".join(f"{plain(code)} {answer}" for code, answer in sorted(done.answers.items()))
    if done.left_at is not None:
        yield f"they were told that the worker left at {clock(done.left_at, near)}"
    if done.called_at is not None:
        under = ", under a reference" if done.reference else ""
        yield f"they say that emergency services were called at {clock(done.called_at, near)}{under}"
    if done.late:
        yield "the ladder had gone on before this was recorded"
    if done.next_at is not None and done.next_turn is not None:
        ladder = ladders.get((done.escalation_id, done.ladder_no))
        found = step_of(ladders, done.escalation_id, done.ladder_no, done.next_turn)
        step = f"step {done.next_turn}" + (f" ({found.name})" if found else "")
        follows = "telling everyone" if ladder and found is None else step
        yield f"{follows} follows at {clock(done.next_at, near)}"
