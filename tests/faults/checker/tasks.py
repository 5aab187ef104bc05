"""I5 for tasks: never two who hold one, and nothing happens to one that is done, by anybody but whoever holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation
from tests.faults.checker.passing import HANDED_OVER, TASKS
from tests.faults.checker.runs import DONE, PASSED_ON, STEP, TAKEN


@dataclass
class Holding:
    """Who holds a task, whom they ask to take it over, and whether it is done."""

    holder: str | None = None
    handed_to: str | None = None
    done: bool = False


def judge_tasks(evidence: Evidence) -> Iterator[Violation]:
    """Return tasks that two people held, or that somebody did who did not hold them."""
    for stream_id, events in evidence.log.streams.items():
        if stream_id.startswith("escalation-") and stream_id not in evidence.log.torn:
            yield from _held(events)


def _held(events: Sequence[Event]) -> Iterator[Violation]:
    tasks: dict[tuple[str, int, int], Holding] = {}
    for event in events:
        if event.data.get("part", 1) > 1 or event.type not in {STEP, *TASKS}:
            continue
        key = str(event.data["escalation_id"]), int(event.data["ladder_no"]), int(event.data["step"])
        if event.type == STEP:
            if event.data.get("task"):
                tasks.setdefault(key, Holding())
        elif key not in tasks:
            yield Violation("I5", "something happens to a task that never began", event.where)
        else:
            if found := _wrong(event, tasks[key]):
                yield Violation("I5", found, event.where)
            _apply(event, tasks[key])


def _wrong(event: Event, task: Holding) -> str | None:
    """Return what is wrong with something that happens to a task."""
    by = event.data["by"]
    if task.done:
        return f"a task that is done is {event.type.split('.')[1].removeprefix('task_').replace('_', ' ')}"
    if event.type == TAKEN:
        if task.holder is not None and by != task.handed_to:
            return "two people hold a task at once" if by != task.holder else "somebody takes a task that they hold"
        return None if event.data.get("handed_by") == task.holder else "a task is taken from whoever does not hold it"
    if by != task.holder:
        return f"{event.type.split('.')[1]} of somebody who does not hold the task"
    return None


def _apply(event: Event, task: Holding) -> None:
    if event.type == TAKEN:
        task.holder, task.handed_to = event.data["by"], None
    elif event.type == HANDED_OVER:
        task.handed_to = event.data["to"]
    elif event.type == PASSED_ON:
        task.holder = task.handed_to = None
    elif event.type == DONE:
        task.done = True
