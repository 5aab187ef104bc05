"""What a notification is about, from the event that asks for it and the history of the stream it stands in. Pure: no IO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.ladders import GRAVITY
from shared.contracts.notifications import NotificationQueued
from shared.contracts.tasks import TaskHandedOver, TaskPassedOn, TaskTaken
from shared.contracts.troubles import UNKNOWN_WORKER

if TYPE_CHECKING:
    from shared.contracts.base import Event

OfTask = StepStarted | TaskPassedOn | TaskHandedOver
"""What offers a task; a step does where it is one."""

Asked = (
    OfTask
    | EscalationJoined
    | AcknowledgementRanOut
    | EscalationExhausted
    | EscalationResolved
    | EscalationStoodDown
    | EscalationLapsed
)

Triggered = EscalationOpened | EscalationJoined
"""What says why somebody is told."""


def about(event: Asked, history: Sequence[Event]) -> dict[str, Any]:
    """Return what a message says beside whom it is for.

    Where the stream's opening cannot be read, that is what the event itself says: somebody is told all the same.
    """
    episode = [
        found for found in history if isinstance(found, Triggered) and found.escalation_id == event.escalation_id
    ]
    named: list[str | None] = [getattr(found, "worker_id", None) for found in (*episode, event)]
    workers = [one for one in named if one not in (None, UNKNOWN_WORKER)]  # one who is named later counts too
    duress = any(found.trigger == "duress" for found in (*episode, event) if isinstance(found, Triggered))
    about = {**_kind(event), "worker_id": (*workers, UNKNOWN_WORKER)[0], "duress": duress}
    if isinstance(event, OfTask):
        about |= _task(event, episode, history)
    if isinstance(event, EscalationJoined):
        episode = [event]
    if not episode:
        return {**about, "trigger": None, "due_at": None}
    of_ladder = [found for found in episode if found.ladder_no == about["ladder_no"] is not None]
    cause = _cause(of_ladder or episode)  # what is about the whole episode tells of the gravest of all
    said = {"trigger": cause.trigger, "due_at": cause.due_at, "late": cause.late, "trouble": cause.trouble}
    return {**about, **said}


def about_reader(events: Sequence[Event], worker_id: str) -> bool:
    """Say whether these are of an escalation about whoever reads, or tell others of one.

    Nobody is shown one about themselves, whatever roles they hold, or even that there is one: it could be of duress, and
    somebody may be watching their screen.
    """
    found = [event for event in events if isinstance(event, Triggered | NotificationQueued)]
    kept = [event for event in found if getattr(event, "kind", None) not in ("reminder", "test")]
    return any(event.worker_id == worker_id for event in kept)


def _task(event: OfTask, episode: Sequence[Triggered], history: Sequence[Event]) -> dict[str, Any]:
    """Return what the task is that an event offers, and how long: by its ladder, or where that is missing by its step."""
    if isinstance(event, StepStarted):
        return {"task": event.name, "passes_on_at": event.passes_on_at} if event.task else {}
    of_ladder = [found.ladder.steps for found in episode if found.ladder and found.ladder_no == event.ladder_no]
    names = [steps[event.step - 1].name for steps in of_ladder if 0 < event.step <= len(steps)]
    its = [found for found in history if _of(event) == _of(found)]
    names += [found.name for found in its if isinstance(found, StepStarted)]
    if isinstance(event, TaskPassedOn):
        passes_on_at = event.passes_on_at
    else:  # the time of whoever holds it runs on
        held = [found for found in its if isinstance(found, TaskTaken) and found.by == event.by]
        passes_on_at = held[-1].passes_on_at if held else None
    return {"task": next(iter(names), None), "passes_on_at": passes_on_at}


def _of(event: Event) -> tuple[str, int, int] | None:
    """Return of which task an event is, where it is of one."""
    if not isinstance(event, OfTask | TaskTaken):
        return None
    return event.escalation_id, event.ladder_no, event.step


def _kind(event: Asked) -> dict[str, Any]:
    match event:
        case StepStarted(ladder_no=ladder_no, step=step):
            return {"kind": "step", "ladder_no": ladder_no, "step": step}
        case TaskPassedOn(ladder_no=ladder_no, step=step):
            return {"kind": "task", "ladder_no": ladder_no, "step": step}
        case TaskHandedOver(ladder_no=ladder_no, step=step):
            return {"kind": "handover", "ladder_no": ladder_no, "step": step}
        case EscalationExhausted(ladder_no=ladder_no):
            return {"kind": "exhausted", "ladder_no": ladder_no, "step": None}
        case EscalationJoined(ladder_no=ladder_no):
            return {"kind": "joined", "ladder_no": ladder_no, "step": None}
        case AcknowledgementRanOut():
            return {"kind": "ran_out", "ladder_no": None, "step": None}
        case _:
            return {"kind": "all_clear", "ladder_no": None, "step": None}


def _cause(triggers: Sequence[Triggered]) -> Triggered:
    """Return the gravest of some triggers, the first of equals."""
    return max(triggers, key=lambda found: GRAVITY[found.trigger])
