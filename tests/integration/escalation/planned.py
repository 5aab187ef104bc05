"""A planned visit of Walt's, what is said of it, and the escalation that it opened."""

from shared.contracts.base import Event
from shared.contracts.escalations import EscalationOpened
from shared.contracts.visits import VisitPlanned
from tests.integration.escalation.conftest import VISIT
from tests.support.history import (
    GRACE,
    MINUTE,
    POLICY,
    SITE,
    WALT,
    record,
)
from tests.support.services import Installation


async def plan(installation: Installation, *more: Event, visit_id: str = VISIT) -> None:
    """Plan a visit of Walt's, with what follows."""
    now = await installation.clock.now()
    planned = VisitPlanned(
        visit_id=visit_id,
        site_id=SITE,
        worker_id=WALT,
        kind="home_visit",
        starts_at=now,
        expected_end_at=now + 60 * MINUTE,
        interval=30 * MINUTE,
        grace=GRACE,
        remind_before=5 * MINUTE,
        policy_id=POLICY,
        policy_version=1,
    )
    await record(installation, "checkin", f"visit-{visit_id}", planned, *more, visit_id=visit_id, site_id=SITE)


async def at_visit(installation: Installation, *events: Event) -> None:
    await record(installation, "checkin", f"visit-{VISIT}", *events, visit_id=VISIT, site_id=SITE)


async def opened(installation: Installation, stream_id: str) -> EscalationOpened:
    """Return what opened the newest episode of a stream."""
    history = [recorded.event for recorded in await installation.history(stream_id)]
    return [event for event in history if isinstance(event, EscalationOpened)][-1]
