"""What whoever calls emergency services reads out: who, where, since when, what is known, who else was told.

Everything stands in it as somebody recorded it; Lonewatch adds no judgement, and never says that anybody came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.people import name_of, opened
from shared.contracts.awaited import CheckInMissed
from shared.contracts.situations import VisitSituationReported
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitPlanned,
    VisitStarted,
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
    VisitEnded: "ended_the_visit",
}
"""By what the worker was heard of, as far as the records say it."""


@dataclass(frozen=True)
class Known:
    """One thing that is known, with when it was recorded."""

    at: datetime
    kind: str
    """``trigger``, ``outcome``, or what the worker did."""
    what: str
    """The code of a trigger or an event; of an outcome, the task and what its button said."""
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


async def read_out_of(pool: Pool, keyring: Keyring, account: Account, visit: Sequence[Recorded]) -> ReadOut:
    """Return what to read out of an escalation, from its account and the history of its visit."""
    events = [recorded.event for recorded in visit]
    planned = next((event for event in events if isinstance(event, VisitPlanned)), None)
    missed = next((event for event in reversed(events) if isinstance(event, CheckInMissed)), None)
    ends = [event.expected_end_at for event in events if isinstance(event, VisitPlanned | VisitExtended)]
    heard = next((recorded for recorded in reversed(visit) if type(recorded.event) in _HEARD), None)
    known = [*_of_escalation(account), *await _of_visit(keyring, visit)]
    return ReadOut(
        who=await name_of(pool, keyring, account.opened.worker_id),
        place=await opened(keyring, planned.place) if planned and planned.place else NO_PLACE,
        kind=planned.kind if planned else None,
        heard_at=heard.recorded_at if heard else None,
        heard_by=_HEARD[type(heard.event)] if heard else None,
        due_at=missed.due_at if missed else None,
        missed_at=missed.missed_at if missed else None,
        expected_end_at=ends[-1] if ends else None,
        known=tuple(sorted(known, key=lambda one: one.at)),
        equipment=planned.equipment if planned else (),
        told=tuple([await name_of(pool, keyring, worker_id) for worker_id in account.told]),
    )


def _of_escalation(account: Account) -> list[Known]:
    triggers = [Known(one.triggered_at, "trigger", one.trigger) for one in account.triggers]
    outcomes = []
    for task in account.tasks:
        if task.done is not None:
            outcome = task.task.outcome(task.done.outcome)
            said = f"{task.step.name}: {outcome.says if outcome else task.done.outcome}"
            outcomes.append(Known(task.done.at, "outcome", said, task.done.left_at))
    return [*triggers, *outcomes]


async def _of_visit(keyring: Keyring, visit: Sequence[Recorded]) -> list[Known]:
    """Return what the worker or somebody else reported, with their words; a plain check-in is no news."""
    known = []
    for recorded in visit:
        event, at = recorded.event, recorded.recorded_at
        if isinstance(event, VisitHelpRequested | VisitSituationReported) and event.note:
            what = "help" if isinstance(event, VisitHelpRequested) else event.situation
            known.append(Known(at, "words", what, note=await opened(keyring, event.note)))
        elif isinstance(event, LateCheckInRecorded | VisitEnded):
            known.append(Known(at, "visit", _HEARD[type(event)]))
    return known
