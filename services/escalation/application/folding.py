"""Make the account of one episode. Pure: a fold of its records.

It decides nothing and opens no sealed field; what cannot be read of an episode is missing from its account. What runs at
the moment it takes from the domain's own state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.escalation.application.account import Account, Ended, Taken, Triggering, Turn
from services.escalation.application.task_account import tasks_after
from services.escalation.domain import ESCALATION
from services.escalation.domain.runs import LadderRun
from services.escalation.domain.state import Escalation
from shared.contracts.asks import Ask
from shared.contracts.base import Event
from shared.contracts.envelope import Recorded
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
from shared.contracts.tasks import TaskDone, TaskTaken

_ENDS = (EscalationResolved, EscalationStoodDown, EscalationLapsed)


def account_of(opened: EscalationOpened, history: Sequence[Recorded], now: datetime) -> Account:
    """Return the account of the episode that ``opened`` opened, from the history of its stream."""
    account = Account(opened, now, 0)
    for recorded in history:
        if getattr(recorded.event, "escalation_id", None) == opened.escalation_id:
            account = replace(_tell(_apply(account, recorded), recorded.event), position=recorded.position)
            account = replace(account, tasks=tasks_after(account.tasks, account.ladders, recorded))
    state = ESCALATION.fold(_until_its_end([recorded.event for recorded in history], opened.escalation_id))
    if state.escalation_id != opened.escalation_id:
        return account
    account = replace(account, to_come=tuple(turn for run in state.ladders for turn in _ahead(run)))
    if account.ended:
        return replace(account, tasks=tuple(replace(task, stopped=True) for task in account.tasks))
    return _timed(account, state)


def _until_its_end(history: Sequence[Event], escalation_id: str) -> Sequence[Event]:
    """Return a history up to what ended the episode: then nothing runs any more."""
    for number, event in enumerate(history):
        if isinstance(event, _ENDS) and event.escalation_id == escalation_id:
            return history[:number]
    return history


def _ahead(run: LadderRun) -> list[Turn]:
    """Return the steps of a ladder that follow one another if nobody does anything."""
    ahead: list[Turn] = []
    while not run.stopped and (step := run.step(run.turn)) is not None:
        ahead.append(Turn(run.no, run.turn, None, step.name, step.cites))
        started = replace(run, started=run.started | {run.turn})
        run = replace(started, turn=started.after(run.turn))
    return ahead


def _timed(account: Account, state: Escalation) -> Account:
    """Add what falls due as things stand: the next turn of any ladder, and when each task passes on."""
    due = ESCALATION.deadlines(state)
    passes_on = {
        tuple(int(part) for part in deadline.subject.split(".")[1:3]): deadline.due_at
        for deadline in due
        if deadline.kind == "task"
    }
    tasks = [replace(task, passes_on_at=passes_on.get((task.no.ladder_no, task.no.step))) for task in account.tasks]
    turns = [deadline.due_at for deadline in due if deadline.kind == "step"]
    return replace(account, tasks=tuple(tasks), next_at=min(turns, default=None))


def _apply(account: Account, recorded: Recorded) -> Account:
    at = recorded.recorded_at
    match recorded.event:
        case EscalationJoined(part=part) | StepStarted(part=part) | EscalationExhausted(part=part) if part > 1:
            return _go_on(account, recorded.event)
        case EscalationOpened() | EscalationJoined() as event:
            known = (event.due_at, event.ladder_no, event.late, event.trouble)
            triggering = Triggering(event.trigger, event.trigger_event_id, at, *known)
            if isinstance(event, EscalationJoined) and event.worker_id:  # only now somebody knows whom it is about
                account = replace(account, opened=account.opened.model_copy(update={"worker_id": event.worker_id}))
            stopped = account.stopped.union(getattr(event, "stopped", ()))
            account, triggers = replace(account, stopped=stopped), (*account.triggers, triggering)
            if event.ladder_no is None:
                return replace(account, triggers=triggers)
            ladders = (*account.ladders, (event.ladder_no, event.ladder))
            return replace(account, triggers=triggers, ladders=ladders, state="open")
        case StepStarted() as event:
            turn = Turn(
                event.ladder_no, event.step, None, event.name, event.cites, at, _asked(event.asks), event.next_at
            )
            return replace(account, turns=(*account.turns, turn))
        case EscalationExhausted() as event:
            told = _asked(event.asks)
            turn = Turn(event.ladder_no, None, event.round, "everyone", event.cites, at, told, event.next_at)
            return replace(account, turns=(*account.turns, turn))
        case EscalationAcknowledged() as event:
            taken = Taken(event.by, event.via, at, event.runs_out_at)
            return replace(account, taken=(*account.taken, taken), state="open" if event.running else "acknowledged")
        case StepReachedNobody(ladder_no=ladder_no, turn=step):
            turns = [
                replace(turn, reached_nobody=True) if (turn.ladder_no, turn.step) == (ladder_no, step) else turn
                for turn in account.turns
            ]
            return replace(account, turns=tuple(turns))
        case AcknowledgementRanOut():
            ran_out = [replace(taken, ran_out_at=at) for taken in account.taken[-1:]]
            return replace(account, taken=(*account.taken[:-1], *ran_out), state="open")
        case EscalationResolved() as event:
            ended = Ended(event.by, at, event.how, event.confirmed_by, event.note)
            return replace(account, ended=ended, state="resolved")
        case EscalationStoodDown() as event:
            return replace(account, ended=Ended(event.by, at, event.reason, None, event.note), state="stood_down")
        case EscalationLapsed(reason=reason):
            return replace(account, ended=Ended(None, at, reason), state="lapsed")
        case _:
            return account


def _go_on(account: Account, event: Event) -> Account:
    """Add those whom a further part of an event tells to the turn that its first part started."""
    if isinstance(event, EscalationJoined) or not account.turns:
        return account
    turn = account.turns[-1]
    turn = replace(turn, told=(*turn.told, *_asked(getattr(event, "asks", ()))))
    return replace(account, turns=(*account.turns[:-1], turn))


def _tell(account: Account, event: Event) -> Account:
    """Remember who knows of it: whoever was asked, and whoever took it unasked."""
    asks: tuple[Ask, ...] = getattr(event, "asks", ())
    knows = (event.by,) if isinstance(event, EscalationAcknowledged | TaskTaken | TaskDone) else _asked(asks)
    return replace(account, told=tuple(dict.fromkeys((*account.told, *knows))))


def _asked(asks: Sequence[Ask]) -> tuple[str, ...]:
    return tuple(ask.worker_id for ask in asks)
