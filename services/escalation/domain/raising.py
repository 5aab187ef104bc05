"""What a trigger starts: an escalation, or a ladder of its own beside those that run, or only the word that it came."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from services.escalation.domain.asking import ask_again, in_parts
from services.escalation.domain.state import Escalation, evolve
from services.escalation.domain.triggers import Raise
from services.escalation.domain.turns import start_turns
from shared.contracts.base import Event
from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.ladders import APART, GRAVITY
from shared.contracts.troubles import UNKNOWN_WORKER


def raise_trigger(command: Raise, escalation: Escalation) -> list[Event]:
    """Return that a trigger came, and the first turn of the ladder that it starts; nothing for one delivered again."""
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
    return [*raised, *start_turns(now, ladder_no, command.directory, command.now)]


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
    starts = _starts_a_ladder(command, escalation)
    ladder_no = max((run.no for run in escalation.ladders), default=0) + escalation.unreadable + 1
    named = escalation.worker_id == UNKNOWN_WORKER != command.worker_id
    known = replace(escalation, worker_id=command.worker_id) if named else escalation
    return EscalationJoined(
        escalation_id=escalation.escalation_id,
        trigger=command.trigger,
        trigger_event_id=command.trigger_event_id,
        due_at=command.due_at,
        ladder=command.ladder if starts else None,
        ladder_no=ladder_no if starts else None,
        policy_id=command.policy_id if starts else None,
        policy_version=command.policy_version if starts else None,
        late=command.late,
        trouble=command.trouble,
        worker_id=command.worker_id if named else None,
        stopped=_stopped_by(command, escalation) if starts else (),
        asks=ask_again(known, command.directory),
    )


def _starts_a_ladder(command: Raise, escalation: Escalation) -> bool:
    """Say whether a trigger is graver than all that have a ladder, those aside whose ladders reach other people."""
    if command.trigger in APART:
        return all(run.trigger != command.trigger for run in escalation.ladders)
    others = (run.trigger for run in escalation.ladders if run.trigger not in APART)
    return all(GRAVITY[command.trigger] > GRAVITY[other] for other in others)


def _stopped_by(command: Raise, escalation: Escalation) -> tuple[int, ...]:
    """Return the ladders that a trigger's own ladder runs instead of: none of a graver trigger, and none for other people."""
    if command.ladder is None or not command.ladder.instead:
        return ()
    running = (run for run in escalation.ladders if not run.stopped and run.trigger not in APART)
    return tuple(run.no for run in running if GRAVITY[run.trigger] < GRAVITY[command.trigger])
