"""What whoever calls emergency services reads out: who, where, since when, what is known, who else was told.

Everything stands in it as somebody recorded it; Lonewatch adds no judgement, and never says that anybody came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.people import names_of, opened
from shared.contracts.awaited import CheckInMissed
from shared.contracts.situations import VisitSituationReported, WorkerSituationReported
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitPlanned,
    VisitStarted,
    WorkerHelpRequested,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.escalation.application.account import Account
    from shared.contracts.base import Event
    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

NO_PLACE = "No place is on record. Say what you know yourself: where they meant to go, and where they may be."

_HEARD: dict[type[Event], str] = {
    VisitStarted: "visit_started",
    CheckInRecorded: "checked_in",
    LateCheckInRecorded: "checked_in_late",
    VisitExtended: "extended_the_visit",
    VisitHelpRequested: "asked_for_help",
    WorkerHelpRequested: "asked_for_help",
    VisitEnded: "ended_the_visit",
}
"""By what the worker was heard of, as far as the records say it."""

_IN_WORDS = (VisitHelpRequested, WorkerHelpRequested, VisitSituationReported, WorkerSituationReported)
"""What may come with words of whoever asked for help or reported something."""


@dataclass(frozen=True)
class Known:
    """One thing that is known, with when it was recorded."""

    recorded_at: datetime
    kind: str
    """``trigger``, ``outcome``, or what the worker did."""
    what: str
    """The code of a trigger or an event; of an outcome, what its button said and the task."""
    left_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True)
class ReadOut:
    """What to read out, in the order in which it is asked for."""

    who: str
    place: str
    kind: str | None
    """Of the visit."""
    heard_at: datetime | None
    """When the worker was last heard of, and by what."""
    heard_by: str | None
    due_at: datetime | None
    """When the check-in was agreed that did not come, and when its grace was over."""
    missed_at: datetime | None
    expected_end_at: datetime | None
    known: tuple[Known, ...]
    equipment: tuple[str, ...]
    told: tuple[str, ...]
    """Names of those who know of it."""


async def read_out_of(
    pool: Pool, keyring: Keyring, account: Account, visit: Sequence[Recorded], worker: Sequence[Recorded]
) -> ReadOut:
    """Return what to read out of an escalation, from its account and the histories of its visit and its worker."""
    events = [recorded.event for recorded in visit]
    planned = next((event for event in events if isinstance(event, VisitPlanned)), None)
    missed = next((event for event in reversed(events) if isinstance(event, CheckInMissed)), None)
    ends = [event.expected_end_at for event in events if isinstance(event, VisitPlanned | VisitExtended)]
    raised = {one.trigger_event_id for one in account.triggers}
    told = [*visit, *(recorded for recorded in worker if recorded.envelope.event_id in raised)]
    heard = next((recorded for recorded in reversed(told) if type(recorded.event) in _HEARD), None)
    names = await names_of(pool, keyring, {account.opened.worker_id, *account.told})
    known = [*await _of_escalation(keyring, account), *await _told(keyring, told)]
    return ReadOut(
        who=names[account.opened.worker_id],
        place=await opened(keyring, planned.place) if planned and planned.place else NO_PLACE,
        kind=planned.kind if planned else None,
        heard_at=heard.recorded_at if heard else None,
        heard_by=_HEARD[type(heard.event)] if heard else None,
        due_at=missed.due_at if missed else None,
        missed_at=missed.missed_at if missed else None,
        expected_end_at=ends[-1] if ends else None,
        known=tuple(sorted(known, key=lambda one: one.recorded_at)),
        equipment=planned.equipment if planned else (),
        told=tuple(names[worker_id] for worker_id in account.told),
    )


async def _of_escalation(keyring: Keyring, account: Account) -> list[Known]:
    triggers = [Known(one.triggered_at, "trigger", one.trigger) for one in account.triggers]
    outcomes = []
    for task in account.tasks:
        if task.done is not None:
            outcome = task.task.outcome(task.done.outcome)
            said = f"{outcome.says if outcome else task.done.outcome} ({task.step.name})"
            note = await opened(keyring, task.done.note) if task.done.note else None
            outcomes.append(Known(task.done.said_at, "outcome", said, task.done.left_at, note))
    return [*outcomes, *triggers]  # one that raises stands before what it raised


async def _told(keyring: Keyring, told: Sequence[Recorded]) -> list[Known]:
    """Return what the worker or somebody else reported, with their words; a plain check-in is no news."""
    known = []
    for recorded in told:
        event, at = recorded.event, recorded.recorded_at
        if isinstance(event, _IN_WORDS) and event.note:
            what = "help" if isinstance(event, VisitHelpRequested | WorkerHelpRequested) else event.situation
            known.append(Known(at, "words", what, note=await opened(keyring, event.note)))
        elif isinstance(event, LateCheckInRecorded | VisitEnded):
            known.append(Known(at, "visit", _HEARD[type(event)]))
    return known
