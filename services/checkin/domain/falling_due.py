"""Which deadlines a visit leaves, and the command that each stands for. Judges nothing: the decider tests it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from services.checkin.domain.awaiting import KINDS, waits
from services.checkin.domain.commands import MarkCheckInMissed, Outages, RemindWorker, TellOfAwaited
from services.checkin.domain.state import Visit
from shared.decider import Deadline


def deadlines(visit: Visit) -> list[Deadline]:
    """Return what falls due: of check-ins, and of whatever else is awaited."""
    return [*_of_check_ins(visit), *(Deadline(wait.kind, _name(wait.agreed_at), wait.due_at) for wait in waits(visit))]


def _of_check_ins(visit: Visit) -> Iterator[Deadline]:
    """Yield the missed check-in, and the reminders not yet given. None from *missed* until resumed.

    Whoever was told that the check-in is due needs no reminder before it any more.
    Where the interval is no longer than ``remind_before``, the earlier reminder would come with the check-in before it
    and is left out. Where the expected end is sooner than ``remind_before``, it is due at once: the worker learns that
    this check-in comes early.
    """
    plan, due_at = visit.plan, visit.due_at
    if plan is None or due_at is None or not visit.watched:
        return
    subject = _name(due_at)
    yield Deadline("check_in_missed", subject, due_at + plan.grace)
    if not visit.reminded and timedelta(0) < plan.remind_before < plan.interval:
        yield Deadline("reminder_before", subject, due_at - plan.remind_before)
    if "at" not in visit.reminded:
        yield Deadline("reminder_at", subject, due_at)


def _name(agreed_at: datetime) -> str:
    return agreed_at.astimezone(UTC).isoformat()


def command_of(
    deadline: Deadline, now: datetime, outages: Outages = ()
) -> MarkCheckInMissed | RemindWorker | TellOfAwaited:
    """Return the command that a deadline of a visit stands for. Raises ValueError for a kind that no visit has."""
    agreed_at = datetime.fromisoformat(deadline.subject)
    match deadline.kind:
        case "check_in_missed":
            return MarkCheckInMissed(agreed_at, now, outages)
        case "reminder_before":
            return RemindWorker("before", agreed_at, now)
        case "reminder_at":
            return RemindWorker("at", agreed_at, now)
        case kind if kind in KINDS:
            return TellOfAwaited(kind, agreed_at, now, outages)
        case _:
            message = f"a visit has no deadline of kind {deadline.kind!r}"
            raise ValueError(message)
