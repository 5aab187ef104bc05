"""What an escalation remembers, what each event changes of it, and what falls due. It judges nothing.

A record that nothing can read is missing from a history. So an event about an episode or a ladder that is not there
changes nothing, and a ladder whose next turn nothing names is due at once: rather told twice than not at all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from services.escalation.domain.runs import LadderRun, TaskRun, ran_out, task_changed, turned
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.ladders import Trigger
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Deadline


@dataclass(frozen=True)
class Acknowledgement:
    """Who holds the escalation, and until when."""

    by: str
    runs_out_at: datetime
    cites: Cites
    """What says how long it lasts."""


@dataclass(frozen=True)
class TriggerKnown:
    """What opened an episode or joined it, and when what it was about had been due."""

    trigger: Trigger
    due_at: datetime | None


@dataclass(frozen=True)
class Escalation:
    """The escalations of one subject: the newest episode, and what must outlast the episodes."""

    episode: int = 0
    open: bool = False
    escalation_id: str = ""
    visit_id: str | None = None
    worker_id: str = ""
    """The worker who may be in danger, and who is never asked in this escalation."""
    site_id: str = ""
    triggered: tuple[TriggerKnown, ...] = ()
    """The triggers of this episode: what somebody saw, and what is moot, is judged by them."""
    ladders: tuple[LadderRun, ...] = ()
    acknowledgement: Acknowledgement | None = None
    told: tuple[str, ...] = ()
    """Whoever knows of this episode: all who were asked, and who acknowledged without having been asked."""
    asked: int = 0
    """The highest number of an ask of this episode: the next notification id follows from it."""
    triggers_seen: frozenset[str] = frozenset()
    """Event ids of the triggers of all episodes, so that one delivered again opens and joins nothing."""
    unreadable: int = 0
    """How many records of the stream are missing here because nothing can read them. Whoever folds says it."""

    @property
    def triggers(self) -> int:
        """How many triggers this episode has."""
        return len(self.triggered)

    @property
    def under_duress(self) -> bool:
        """Whether the worker may be with somebody who must not notice anything."""
        return any(known.trigger == "duress" for known in self.triggered)

    def run(self, ladder_no: int) -> LadderRun | None:
        """Return the ladder with this number, where there is one."""
        return next((run for run in self.ladders if run.no == ladder_no), None)

    def task(self, ladder_no: int, step: int) -> TaskRun | None:
        """Return the task of this step of this ladder, where it is one and has started."""
        run = self.run(ladder_no)
        return run.task(step) if run else None


def evolve(escalation: Escalation, event: Event) -> Escalation:
    """Return the escalation after an event. Events of other streams, or of what is not there, change nothing."""
    if isinstance(event, EscalationOpened):
        return _opened(escalation, event)
    if not escalation.open or getattr(event, "escalation_id", None) != escalation.escalation_id:
        return escalation
    return _go_on(_tell(escalation, getattr(event, "asks", ())), event)


def _go_on(escalation: Escalation, event: Event) -> Escalation:
    """Apply an event of the episode that is open, apart from whom it tells."""
    match event:
        case EscalationJoined():
            return _joined(escalation, event)
        case StepStarted() | EscalationExhausted() | StepReachedNobody():
            run = escalation.run(event.ladder_no)
            return escalation if run is None else with_run(escalation, turned(run, event))
        case TaskTaken() | TaskHandedOver() | TaskPassedOn() | TaskDone():
            return _task_changed(escalation, event)
        case EscalationAcknowledged(by=by, ladders=stopped) as taken:
            runs = [replace(run, acknowledged=True) for run in escalation.ladders if run.no in stopped]
            held = Acknowledgement(by, taken.runs_out_at, taken.cites)
            return replace(_knows(with_run(escalation, *runs), by), acknowledgement=held)
        case AcknowledgementRanOut(next_at=next_at):
            stopped_runs = [run for run in escalation.ladders if run.acknowledged]
            runs = [ran_out(run, next_at) for run in stopped_runs]
            return replace(with_run(escalation, *runs), acknowledgement=None)
        case EscalationResolved() | EscalationStoodDown() | EscalationLapsed():
            return replace(escalation, open=False, ladders=(), acknowledgement=None)
        case _:
            return escalation


def _opened(escalation: Escalation, event: EscalationOpened) -> Escalation:
    return Escalation(
        episode=event.episode,
        open=True,
        escalation_id=event.escalation_id,
        visit_id=event.visit_id,
        worker_id=event.worker_id,
        site_id=event.site_id,
        triggered=(TriggerKnown(event.trigger, event.due_at),),
        ladders=(LadderRun(event.ladder_no, event.trigger, event.ladder),),
        triggers_seen=escalation.triggers_seen | {event.trigger_event_id},
        unreadable=escalation.unreadable,
    )


def _joined(escalation: Escalation, event: EscalationJoined) -> Escalation:
    if event.trigger_event_id in escalation.triggers_seen:
        return escalation  # a further part: the first has said it all
    joined = replace(
        escalation,
        worker_id=event.worker_id or escalation.worker_id,
        triggered=(*escalation.triggered, TriggerKnown(event.trigger, event.due_at)),
        triggers_seen=escalation.triggers_seen | {event.trigger_event_id},
    )
    if event.ladder_no is None:
        return joined
    run = LadderRun(event.ladder_no, event.trigger, event.ladder, trigger_no=joined.triggers)
    before = (replace(it, stopped=True) if it.no in event.stopped else it for it in escalation.ladders)
    return replace(joined, ladders=(*before, run))


def _task_changed(escalation: Escalation, event: TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone) -> Escalation:
    run = escalation.run(event.ladder_no)
    if run is None or run.task(event.step) is None:
        return escalation
    changed = with_run(escalation, task_changed(run, event))
    return _knows(changed, event.by) if isinstance(event, TaskTaken | TaskDone) else changed


def with_run(escalation: Escalation, *runs: LadderRun) -> Escalation:
    """Return the escalation with these ladders in the place of what they were."""
    changed = {run.no: run for run in runs}
    return replace(escalation, ladders=tuple(changed.get(run.no, run) for run in escalation.ladders))


def _tell(escalation: Escalation, asks: Collection[Ask]) -> Escalation:
    told = _unique((*escalation.told, *(ask.worker_id for ask in asks)))
    numbers = (ask.notification_id.rpartition(".")[2] for ask in asks)
    highest = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return replace(escalation, told=told, asked=max(escalation.asked, highest))


def _knows(escalation: Escalation, worker_id: str) -> Escalation:
    """Return the escalation of which this person knows, who may have come upon it without having been asked."""
    return replace(escalation, told=_unique((*escalation.told, worker_id)))


def _unique(workers: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(workers))


def deadlines(escalation: Escalation) -> list[Deadline]:
    """Return what falls due: the next turn of each ladder that runs, its task, and the end of the acknowledgement.

    Subjects are ``episode.ladder_no.turn``, ``episode.ladder_no.step.change`` and ``episode``; ``command_for`` reads them.
    """
    due = [deadline for run in escalation.ladders for deadline in run.deadlines(escalation.episode)]
    held = escalation.acknowledgement
    return due if held is None else [*due, Deadline("acknowledgement", f"{escalation.episode}", held.runs_out_at)]
