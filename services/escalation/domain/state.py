"""What an escalation remembers, what each event changes of it, and what falls due. It judges nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    Ask,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.policy import Ladder, Step, Trigger
from shared.decider import Deadline


@dataclass(frozen=True)
class LadderRun:
    """A ladder on its way. A turn is a step, or after the last step a round of exhaustion."""

    no: int
    trigger: Trigger
    ladder: Ladder | None
    """None where it could not be read: it has no steps and is exhausted from the start."""
    turn: int = 1
    """The next turn, counted from 1 through the steps and then through the rounds, without an end."""
    next_at: datetime | None = None
    """When that turn starts. None only between two events of the decision that started the ladder."""
    acknowledged: bool = False
    trigger_no: int = 1
    """Which of the episode's triggers started it, counted from 1."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the ladder, none where it could not be read."""
        return () if self.ladder is None else self.ladder.steps


@dataclass(frozen=True)
class Acknowledgement:
    """Who holds the escalation, and until when."""

    by: str
    runs_out_at: datetime
    cites: Cites
    """What says how long it lasts."""


@dataclass(frozen=True)
class Escalation:
    """The escalations of one visit or worker: the newest episode, and what must outlast the episodes."""

    episode: int = 0
    open: bool = False
    escalation_id: str = ""
    visit_id: str | None = None
    worker_id: str = ""
    """The worker who may be in danger, and who is never asked in this escalation."""
    site_id: str = ""
    triggers: int = 0
    """How many triggers this episode has: what somebody saw is judged by it."""
    ladders: tuple[LadderRun, ...] = ()
    acknowledgement: Acknowledgement | None = None
    told: tuple[str, ...] = ()
    """Whoever knows of this episode: all who were asked, and who acknowledged without having been asked."""
    asked: int = 0
    """How many asks this episode has made: the next notification id follows from it."""
    triggers_seen: frozenset[str] = frozenset()
    """Event ids of the triggers of all episodes, so that one delivered again opens and joins nothing."""


def evolve(escalation: Escalation, event: Event) -> Escalation:
    """Return the escalation after an event. Events of other streams change nothing."""
    match event:
        case EscalationOpened():
            return _opened(escalation, event)
        case EscalationJoined():
            return _joined(_tell(escalation, event.asks), event)
        case StepStarted(ladder_no=no, step=step, next_at=next_at):
            run = replace(escalation.ladders[no - 1], turn=step + 1, next_at=next_at)
            return _tell(_with(escalation, run), event.asks)
        case EscalationExhausted(ladder_no=no, round=done, next_at=next_at):
            before = escalation.ladders[no - 1]
            run = replace(before, turn=len(before.steps) + done + 1, next_at=next_at)
            return _tell(_with(escalation, run), event.asks)
        case EscalationAcknowledged(by=by, ladders=stopped) as taken:
            runs = [replace(run, acknowledged=True) for run in escalation.ladders if run.no in stopped]
            told = _unique((*escalation.told, by))
            held = Acknowledgement(by, taken.runs_out_at, taken.cites)
            return replace(_with(escalation, *runs), acknowledgement=held, told=told)
        case AcknowledgementRanOut(next_at=next_at):
            stopped_runs = [run for run in escalation.ladders if run.acknowledged]
            runs = [replace(run, acknowledged=False, next_at=next_at) for run in stopped_runs]
            return _tell(replace(_with(escalation, *runs), acknowledgement=None), event.asks)
        case EscalationResolved() | EscalationStoodDown():
            return replace(_tell(escalation, event.asks), open=False, ladders=(), acknowledgement=None)
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
        triggers=1,
        ladders=(LadderRun(event.ladder_no, event.trigger, event.ladder),),
        triggers_seen=escalation.triggers_seen | {event.trigger_event_id},
    )


def _joined(escalation: Escalation, event: EscalationJoined) -> Escalation:
    if event.part > 1:
        return escalation  # the first part has said it all
    triggers, seen = escalation.triggers + 1, escalation.triggers_seen | {event.trigger_event_id}
    joined = replace(escalation, triggers=triggers, triggers_seen=seen)
    if event.ladder_no is None:
        return joined
    run = LadderRun(event.ladder_no, event.trigger, event.ladder, trigger_no=triggers)
    return replace(joined, ladders=(*escalation.ladders, run))


def _with(escalation: Escalation, *runs: LadderRun) -> Escalation:
    """Put these ladders in the place of what they were."""
    changed = {run.no: run for run in runs}
    return replace(escalation, ladders=tuple(changed.get(run.no, run) for run in escalation.ladders))


def _tell(escalation: Escalation, asks: Collection[Ask]) -> Escalation:
    told = _unique((*escalation.told, *(ask.worker_id for ask in asks)))
    return replace(escalation, told=told, asked=escalation.asked + len(asks))


def _unique(workers: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(workers))


def deadlines(escalation: Escalation) -> list[Deadline]:
    """Return what falls due: the next turn of each ladder that runs, and the end of the acknowledgement.

    Subjects are ``episode.ladder_no.turn`` and ``episode``; ``command_for`` reads them.
    """
    turns = [
        Deadline("step", f"{escalation.episode}.{run.no}.{run.turn}", run.next_at)
        for run in escalation.ladders
        if not run.acknowledged and run.next_at is not None
    ]
    held = escalation.acknowledgement
    return turns if held is None else [*turns, Deadline("acknowledgement", f"{escalation.episode}", held.runs_out_at)]
