"""What an escalation remembers, what each event changes of it, and what falls due. It judges nothing.

A record that nothing can read is missing from a history. So an event about an episode or a ladder that is not there
changes nothing, and a ladder whose next turn nothing names is due at once: rather told twice than not at all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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
from shared.contracts.ladders import Ladder, Step, Trigger
from shared.decider import Deadline

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""When a ladder goes on whose last turn could not be read: before any time of the log, so it is due at its next look."""


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
    """When that turn starts. None between two events of the decision that started the ladder, or where one is missing."""
    acknowledged: bool = False
    trigger_no: int = 1
    """Which of the episode's triggers started it, counted from 1."""
    asked: frozenset[str] = frozenset()
    """The notifications of the step that started last; none in a round of exhaustion, and once they reached nobody."""

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

    def run(self, ladder_no: int) -> LadderRun | None:
        """Return the ladder with this number, where there is one."""
        return next((run for run in self.ladders if run.no == ladder_no), None)


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
            return escalation if run is None else with_run(escalation, _turned(run, event))
        case EscalationAcknowledged(by=by, ladders=stopped) as taken:
            runs = [replace(run, acknowledged=True) for run in escalation.ladders if run.no in stopped]
            held = Acknowledgement(by, taken.runs_out_at, taken.cites)
            told = _unique((*escalation.told, by))
            return replace(with_run(escalation, *runs), acknowledgement=held, told=told)
        case AcknowledgementRanOut(next_at=next_at):
            stopped_runs = [run for run in escalation.ladders if run.acknowledged]
            runs = [replace(run, acknowledged=False, next_at=next_at) for run in stopped_runs]
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
    return replace(joined, ladders=(*escalation.ladders, run))


def _turned(run: LadderRun, event: StepStarted | EscalationExhausted | StepReachedNobody) -> LadderRun:
    """Return a ladder after its turn, or after the word that its turn reached nobody."""
    match event:
        case StepStarted(step=step, next_at=next_at, part=part):
            ids = frozenset(ask.notification_id for ask in event.asks)
            return replace(run, turn=step + 1, next_at=next_at, asked=ids | run.asked if part > 1 else ids)
        case EscalationExhausted(round=done, next_at=next_at):
            return replace(run, turn=len(run.steps) + done + 1, next_at=next_at, asked=frozenset())
        case StepReachedNobody(turn=turn, next_at=next_at) if turn == run.turn - 1:
            return replace(run, next_at=next_at, asked=frozenset())
        case _:
            return run


def with_run(escalation: Escalation, *runs: LadderRun) -> Escalation:
    """Return the escalation with these ladders in the place of what they were."""
    changed = {run.no: run for run in runs}
    return replace(escalation, ladders=tuple(changed.get(run.no, run) for run in escalation.ladders))


def _tell(escalation: Escalation, asks: Collection[Ask]) -> Escalation:
    told = _unique((*escalation.told, *(ask.worker_id for ask in asks)))
    numbers = (ask.notification_id.rpartition(".")[2] for ask in asks)
    highest = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return replace(escalation, told=told, asked=max(escalation.asked, highest))


def _unique(workers: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(workers))


def deadlines(escalation: Escalation) -> list[Deadline]:
    """Return what falls due: the next turn of each ladder that runs, and the end of the acknowledgement.

    Subjects are ``episode.ladder_no.turn`` and ``episode``; ``command_for`` reads them.
    """
    turns = [
        Deadline("step", f"{escalation.episode}.{run.no}.{run.turn}", run.next_at or AT_ONCE)
        for run in escalation.ladders
        if not run.acknowledged
    ]
    held = escalation.acknowledgement
    return turns if held is None else [*turns, Deadline("acknowledgement", f"{escalation.episode}", held.runs_out_at)]
