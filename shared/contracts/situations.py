"""Events of checkin about danger that somebody signals without a deadline. Topic ``lonewatch.visits.v1``.

Calls for help stand in ``visits``. What is said of duress is kept from every view that the worker, or whoever stands
beside them, might see; auditors and those who act see it.
"""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import Code, Event, Id, Sealed
from shared.contracts.ladders import Situation


class VisitDuressSignalled(Event):
    """The worker used the duress PIN on a visit, whatever state it is in. What they seemed to do is an event of its own."""

    type: ClassVar[str] = "visit.duress_signalled.v1"
    visit_id: Id
    worker_id: Id
    site_id: Id
    policy_id: Id
    policy_version: int
    with_command: Code
    """What the worker seemed to do: ``check_in``, ``extend_visit``, ``end_visit``."""


class WorkerDuressSignalled(Event):
    """The worker used the duress PIN where there was no visit of theirs to signal it on."""

    type: ClassVar[str] = "worker.duress_signalled.v1"
    worker_id: Id
    site_id: Id
    with_command: Code


class VisitSituationReported(Event):
    """Somebody says what is the matter on a visit, whatever state it is in: a suspected break-in, an unsafe place."""

    type: ClassVar[str] = "visit.situation_reported.v1"
    visit_id: Id
    worker_id: Id
    site_id: Id
    policy_id: Id
    policy_version: int
    situation: Situation
    note: Sealed | None = None


class WorkerSituationReported(Event):
    """Somebody says what is the matter with a worker who is on no visit: unexpectedly alone, a suspected break-in."""

    type: ClassVar[str] = "worker.situation_reported.v1"
    worker_id: Id
    site_id: Id
    situation: Situation
    note: Sealed | None = None


EVENTS: tuple[type[Event], ...] = (
    VisitDuressSignalled,
    WorkerDuressSignalled,
    VisitSituationReported,
    WorkerSituationReported,
)

KEPT_FROM_THE_WORKER: frozenset[str] = frozenset({VisitDuressSignalled.type, WorkerDuressSignalled.type})
"""Types that no view shows to the worker whom they are about."""
