"""How somebody takes an escalation, and how that runs out. It is ownership, not the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.escalation.domain.asking import ask_again, in_parts
from services.escalation.domain.commands import Acknowledge, AcknowledgementRunsOut
from services.escalation.domain.endings import must_be_open_to
from services.escalation.domain.runs import LadderRun
from services.escalation.domain.state import Acknowledgement, Escalation
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import AcknowledgementRanOut, EscalationAcknowledged
from shared.contracts.spans import Timed
from shared.contracts.tasks import Via
from shared.decider import Rejected

UNREADABLE_LASTS = timedelta(minutes=15)
"""How long an acknowledgement holds where no ladder says it: time to reach a worker, too short to be forgotten."""


def acknowledge(command: Acknowledge, escalation: Escalation) -> list[Event]:
    """Return who has taken what nobody held, of all that they knew of. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    taken = free_to(escalation, command.triggers_seen)
    if not taken and escalation.acknowledgement and escalation.acknowledgement.by != command.by:
        raise Rejected("already_acknowledged")
    return acknowledged(escalation, taken, command.by, command.via, command.now)


def free_to(escalation: Escalation, triggers_seen: int | None) -> list[LadderRun]:
    """Return the ladders that nobody holds, of the triggers that somebody knew of; of all where that is None."""
    seen = escalation.triggers if triggers_seen is None else triggers_seen
    return [run for run in escalation.ladders if run.free and run.trigger_no <= seen]


def acknowledged(escalation: Escalation, taken: Sequence[LadderRun], by: str, via: Via, now: datetime) -> list[Event]:
    """Return that somebody has taken these ladders; nothing where there are none, for a repeat does not lengthen it."""
    if not taken:
        return []
    # A ladder that nobody has acknowledged is free to take, and with it the escalation, whoever holds the others.
    held = [run for run in escalation.ladders if run.acknowledged and not run.stopped]
    lasts = _lasts([*held, *taken])
    until = Acknowledgement(by, now + lasts.span, lasts.cites)
    if held and escalation.acknowledgement:  # what somebody holds already is not put off by what they take beside it
        until = min(escalation.acknowledgement, until, key=lambda it: it.runs_out_at)
    return [
        EscalationAcknowledged(
            escalation_id=escalation.escalation_id,
            by=by,
            via=via,
            ladders=tuple(run.no for run in taken),
            running=tuple(run.no for run in escalation.ladders if run.free and run not in taken),
            runs_out_at=until.runs_out_at,
            cites=until.cites,
        )
    ]


def _lasts(held: Sequence[LadderRun]) -> Timed:
    """Return the shortest that one of these ladders says, counted from when the last of them is taken."""
    unreadable = Timed(span=UNREADABLE_LASTS, cites=Cites(ours=True))
    return min((run.ladder.acknowledgement_lasts if run.ladder else unreadable for run in held), key=lambda it: it.span)


def run_out(command: AcknowledgementRunsOut, escalation: Escalation) -> list[Event]:
    """Return that nobody brought it to an end in time: the ladders go on. Nothing where that is over or not due."""
    held = escalation.acknowledgement
    if held is None or command.episode != escalation.episode or command.now < held.runs_out_at:
        return []
    ran_out = AcknowledgementRanOut(
        escalation_id=escalation.escalation_id,
        by=held.by,
        ladders=tuple(run.no for run in escalation.ladders if run.acknowledged and not run.stopped),
        asks=ask_again(escalation, command.directory),
        next_at=command.now,
        cites=held.cites,
    )
    return in_parts(ran_out)  # the turns themselves start from their deadlines, due now
