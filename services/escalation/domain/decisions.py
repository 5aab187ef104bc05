"""What follows from each command. No clock, no database, no Kafka: the time, and who can be told, come with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import assert_never

from services.escalation.domain.asking import ask, ask_again, ask_everyone, in_parts
from services.escalation.domain.commands import (
    Acknowledge,
    AcknowledgementRunsOut,
    Command,
    Directory,
    Lapse,
    PersonNotReached,
    Raise,
    Resolve,
    StandDown,
    StartNextStep,
)
from services.escalation.domain.endings import lapse, must_be_open_to, resolve, stand_down
from services.escalation.domain.state import Escalation, LadderRun, evolve, with_run
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.ladders import GRAVITY
from shared.contracts.roles import RESPONDERS
from shared.contracts.spans import Timed
from shared.contracts.troubles import UNKNOWN_WORKER
from shared.decider import Rejected

UNREADABLE_REPEATS = timedelta(minutes=5)
"""How often everyone is told while the ladder cannot be read: hard to overlook, with time to act between."""

UNREADABLE_LASTS = timedelta(minutes=15)
"""How long an acknowledgement holds where no ladder says it: time to reach a worker, too short to be forgotten."""

REFUSALS: Mapping[str, str] = {
    "not_open": "This escalation is not open any more, or never was: look at the list for the one that is open now.",
    "own_escalation": "It is about you, so somebody else has to take it or end it: ring your supervisor.",
    "changed_since": "Something happened after you opened this page: read it again, then decide.",
    "already_acknowledged": "Somebody else has taken it: ring them, or resolve it once the worker is confirmed safe.",
}
"""Code of a refusal to a sentence for the person who met it: what is wrong, and what to do."""


def decide(command: Command, escalation: Escalation) -> list[Event]:
    """Return what follows from a command; nothing for a repeat. Raises Rejected with a code of REFUSALS."""
    match command:
        case Raise():
            return _raise(command, escalation)
        case Lapse():
            return lapse(command, escalation)
        case PersonNotReached():
            return _not_reached(command, escalation)
        case StartNextStep():
            return _start_next_step(command, escalation)
        case Acknowledge():
            return _acknowledge(command, escalation)
        case AcknowledgementRunsOut():
            return _run_out(command, escalation)
        case Resolve():
            return resolve(command, escalation)
        case StandDown():
            return stand_down(command, escalation)
        case _:
            assert_never(command)


def _raise(command: Raise, escalation: Escalation) -> list[Event]:
    if command.trigger_event_id in escalation.triggers_seen:
        return []  # delivered again
    raised: list[Event]
    if escalation.open:
        joined = _join(command, escalation)
        raised, ladder_no = in_parts(joined), joined.ladder_no
    else:
        raised, ladder_no = [_open(command, escalation)], 1
    if ladder_no is None:
        return raised  # no graver than what is known: the ladders that run are enough
    now = reduce(evolve, raised, escalation)
    return [*raised, *_start_turns(now, ladder_no, command.directory, command.now)]


def _open(command: Raise, escalation: Escalation) -> EscalationOpened:
    episode = escalation.episode + escalation.unreadable + 1  # what cannot be read may have opened an episode each
    return EscalationOpened(
        escalation_id=f"{command.subject}.{episode}",
        episode=episode,
        visit_id=command.visit_id,
        worker_id=command.worker_id,
        site_id=command.site_id,
        trigger=command.trigger,
        trigger_event_id=command.trigger_event_id,
        due_at=command.due_at,
        policy_id=command.policy_id,
        policy_version=command.policy_version,
        ladder=command.ladder,
        ladder_no=1,
        late=command.late,
        trouble=command.trouble,
    )


def _join(command: Raise, escalation: Escalation) -> EscalationJoined:
    graver = all(GRAVITY[command.trigger] > GRAVITY[run.trigger] for run in escalation.ladders)
    ladder_no = max((run.no for run in escalation.ladders), default=0) + escalation.unreadable + 1
    named = escalation.worker_id == UNKNOWN_WORKER != command.worker_id
    known = replace(escalation, worker_id=command.worker_id) if named else escalation
    return EscalationJoined(
        escalation_id=escalation.escalation_id,
        trigger=command.trigger,
        trigger_event_id=command.trigger_event_id,
        due_at=command.due_at,
        ladder=command.ladder if graver else None,
        ladder_no=ladder_no if graver else None,
        policy_id=command.policy_id if graver else None,
        policy_version=command.policy_version if graver else None,
        late=command.late,
        trouble=command.trouble,
        worker_id=command.worker_id if named else None,
        asks=ask_again(known, command.directory),
    )


def _not_reached(command: PersonNotReached, escalation: Escalation) -> list[Event]:
    for run in escalation.ladders:
        if command.notification_id in run.asked and not run.acknowledged and run.asked <= command.unreached:
            return [
                StepReachedNobody(
                    escalation_id=escalation.escalation_id, ladder_no=run.no, turn=run.turn - 1, next_at=command.now
                )
            ]
    return []  # somebody else of the step may know of it, or it is over; a round of exhaustion keeps its rhythm


def _start_next_step(command: StartNextStep, escalation: Escalation) -> list[Event]:
    if not escalation.open or command.episode != escalation.episode:
        return []  # a deadline of an episode that has ended
    run = escalation.run(command.ladder_no)
    if run is None or run.acknowledged or command.now < (run.next_at or command.now):
        return []  # stopped or not due
    if run.turn > command.turn or (run.turn < command.turn and not escalation.unreadable):
        return []  # already started, or not the next: the clock may ask twice
    # What cannot be read may have been a turn: the one that was due is the next then.
    going_on = with_run(escalation, replace(run, turn=command.turn))
    return _start_turns(going_on, run.no, command.directory, command.now)


def _start_turns(escalation: Escalation, ladder_no: int, directory: Directory, now: datetime) -> list[Event]:
    """Start the next turn of a ladder, and the ones after it for as long as nobody holds a step's roles."""
    events: list[Event] = []
    while True:
        run = next(run for run in escalation.ladders if run.no == ladder_no)
        turn = _turn(escalation, run, directory, now)
        events += in_parts(turn)
        if turn.next_at > now:
            return events
        escalation = evolve(escalation, turn)


def _turn(
    escalation: Escalation, run: LadderRun, directory: Directory, now: datetime
) -> StepStarted | EscalationExhausted:
    if run.turn > len(run.steps):
        repeat = run.ladder.repeat_every if run.ladder else Timed(span=UNREADABLE_REPEATS, cites=Cites(ours=True))
        return EscalationExhausted(
            escalation_id=escalation.escalation_id,
            ladder_no=run.no,
            round=run.turn - len(run.steps),
            asks=ask_everyone(escalation, directory),
            next_at=now + repeat.span,
            cites=repeat.cites,
        )
    step = run.steps[run.turn - 1]
    roles = [role for role in step.notify if role in RESPONDERS]  # nobody else may be told, or could act on it
    holders = dict.fromkeys(worker for role in roles for worker in directory.holders.get(role, ()))
    asks = ask(escalation, {worker: directory.roles_of(worker, roles) for worker in holders})
    return StepStarted(
        escalation_id=escalation.escalation_id,
        ladder_no=run.no,
        step=run.turn,
        name=step.name,
        asks=asks,
        next_at=now + step.wait if asks else now,
        cites=step.cites,
    )


def _acknowledge(command: Acknowledge, escalation: Escalation) -> list[Event]:
    must_be_open_to(escalation, command.escalation_id, command.by)
    seen = escalation.triggers if command.triggers_seen is None else command.triggers_seen
    free = [run for run in escalation.ladders if not run.acknowledged]
    taken = [run for run in free if run.trigger_no <= seen]
    if not taken and escalation.acknowledgement and escalation.acknowledgement.by != command.by:
        raise Rejected("already_acknowledged")
    if not taken:
        return []  # already theirs, and a repeat does not lengthen it; or they knew of no ladder
    # A ladder that nobody has acknowledged is free to take, and with it the escalation, whoever holds the others.
    lasts = _lasts([run for run in escalation.ladders if run.acknowledged or run in taken])
    return [
        EscalationAcknowledged(
            escalation_id=escalation.escalation_id,
            by=command.by,
            via=command.via,
            ladders=tuple(run.no for run in taken),
            running=tuple(run.no for run in free if run not in taken),
            runs_out_at=command.now + lasts.span,
            cites=lasts.cites,
        )
    ]


def _lasts(held: Sequence[LadderRun]) -> Timed:
    """Return the shortest that one of these ladders says: no ladder is silent for longer than it allows."""
    unreadable = Timed(span=UNREADABLE_LASTS, cites=Cites(ours=True))
    return min((run.ladder.acknowledgement_lasts if run.ladder else unreadable for run in held), key=lambda it: it.span)


def _run_out(command: AcknowledgementRunsOut, escalation: Escalation) -> list[Event]:
    held = escalation.acknowledgement
    if held is None or command.episode != escalation.episode or command.now < held.runs_out_at:
        return []
    ran_out = AcknowledgementRanOut(
        escalation_id=escalation.escalation_id,
        by=held.by,
        ladders=tuple(run.no for run in escalation.ladders if run.acknowledged),
        asks=ask_again(escalation, command.directory),
        next_at=command.now,
        cites=held.cites,
    )
    return in_parts(ran_out)  # the turns themselves start from their deadlines, due now
