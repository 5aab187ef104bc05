"""How an escalation ends: somebody is safe, it was a false alarm, or what was awaited came.

Everyone who was told gets the all-clear. What ends is the episode that was meant, and nothing that came after. Nobody
is safe by telephone under duress: whoever says so there may be made to say it.
"""

from __future__ import annotations

from services.escalation.domain.asking import ask_told, in_parts
from services.escalation.domain.commands import Lapse, Resolve, StandDown
from services.escalation.domain.state import Escalation
from shared.contracts.base import Event
from shared.contracts.escalations import EscalationLapsed, EscalationResolved, EscalationStoodDown
from shared.contracts.ladders import AWAITED
from shared.decider import Rejected

BY_TELEPHONE = "spoke_with_worker"
"""How somebody is known to be safe from what they said on the telephone: under duress that is no proof."""


def resolve(command: Resolve, escalation: Escalation) -> list[Event]:
    """Return that the worker is safe, or that what was wrong with us is put right. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    if escalation.under_duress and command.how == BY_TELEPHONE:
        raise Rejected("face_to_face")
    must_know_of_all(escalation, command.triggers_seen)
    return in_parts(
        EscalationResolved(
            escalation_id=escalation.escalation_id,
            visit_id=escalation.visit_id,
            worker_id=escalation.worker_id,
            site_id=escalation.site_id,
            by=command.by,
            confirmed_by=command.confirmed_by,
            how=command.how,
            note=command.note,
            asks=ask_told(escalation),
        )
    )


def stand_down(command: StandDown, escalation: Escalation) -> list[Event]:
    """Return that it was a false alarm. Raises Rejected."""
    must_be_open_to(escalation, command.escalation_id, command.by)
    must_know_of_all(escalation, command.triggers_seen)
    return in_parts(
        EscalationStoodDown(
            escalation_id=escalation.escalation_id,
            visit_id=escalation.visit_id,
            worker_id=escalation.worker_id,
            site_id=escalation.site_id,
            by=command.by,
            reason=command.reason,
            note=command.note,
            asks=ask_told(escalation),
        )
    )


def lapse(command: Lapse, escalation: Escalation) -> list[Event]:
    """Return that nothing is left to tell; nothing where something graver was raised or something is still awaited."""
    moot = command.moot & AWAITED
    over = all(
        known.trigger in moot and (known.due_at is None or known.due_at <= command.came_at)
        for known in escalation.triggered
    )
    if not escalation.open or escalation.unreadable or not over:
        return []  # what cannot be read may have been a call for help that joined
    return in_parts(
        EscalationLapsed(
            escalation_id=escalation.escalation_id,
            visit_id=escalation.visit_id,
            worker_id=escalation.worker_id,
            site_id=escalation.site_id,
            reason=command.reason,
            asks=ask_told(escalation),
        )
    )


def must_be_open_to(escalation: Escalation, escalation_id: str, by: str) -> None:
    """Raise Rejected unless this episode is open, and not about whoever acts."""
    if not escalation.open or escalation.escalation_id != escalation_id:
        raise Rejected("not_open")
    if by == escalation.worker_id:
        raise Rejected("own_escalation")


def must_know_of_all(escalation: Escalation, triggers_seen: int | None) -> None:
    """Raise Rejected where something joined that whoever acts cannot have meant; None is whatever there is."""
    if triggers_seen is not None and triggers_seen < escalation.triggers:
        raise Rejected("changed_since")
