"""What was awaited ends the escalation that its absence opened: on the log, through feed and clock."""

from shared.contracts.awaited import StartOverdue
from shared.contracts.escalations import EscalationLapsed
from shared.contracts.visits import VisitApproved, VisitExtended, VisitStarted
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World, asked
from tests.integration.escalation.planned import at_visit, opened, plan
from tests.support.history import (
    FIRST_WAIT,
    LIZ,
    MINUTE,
    POLICY,
    SAM,
    SITE,
    SUE,
    WALT,
    help_at_visit,
    missed_visit,
    record,
)
from tests.support.services import Installation


async def start_overdue(installation: Installation) -> None:
    """Let an approved visit not start."""
    now = await installation.clock.now()
    overdue = StartOverdue(
        visit_id=VISIT,
        worker_id=WALT,
        site_id=SITE,
        starts_at=now - 10 * MINUTE,
        due_at=now - MINUTE,
        detected_at=now,
        late="system_outage",
        policy_id=POLICY,
        policy_version=1,
    )
    await plan(installation, VisitApproved(visit_id=VISIT, assessment_id="assessment1", by=LIZ), overdue)
    await installation.quiet()


async def test_what_did_not_come_lapses_with_an_all_clear_when_it_comes(world: World) -> None:
    await start_overdue(world.installation)
    first = await opened(world.installation, STREAM)
    assert (first.trigger, first.late) == ("start_overdue", "system_outage")
    page = (await world.client.get(await world.page(SUE))).text
    assert "The visit has not started: Walt Alone" in page
    assert "Lonewatch itself was away when it was due" in page
    now = await world.installation.clock.now()
    await at_visit(world.installation, VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=now + 30 * MINUTE))
    await world.installation.quiet()
    last = (await world.installation.history(STREAM))[-1]
    assert isinstance(last.event, EscalationLapsed)
    assert last.event.reason == "visit_started"
    assert {ask.worker_id for ask in asked(last)} == {SUE, SAM}
    page = (await world.client.get(await world.page(SAM))).text
    assert "What was awaited has come: the visit has started" in page
    assert "<button" not in page
    shown = (await world.get(SUE, f"/escalations/{EPISODE}")).json()
    assert (shown["triggers"][0]["late"], shown["triggers"][0]["trouble"]) == ("system_outage", None)
    assert (shown["state"], shown["ended"]["by"], shown["next_at"]) == ("lapsed", None, None)
    (row,) = (await world.get(SUE, f"/escalations?site_id={SITE}&open=false")).json()["escalations"]
    assert row["state"] == "lapsed"
    await world.installation.clock.forward(FIRST_WAIT)
    await world.installation.quiet()
    assert (await world.types())[-1] == "lapsed"


async def test_help_during_it_starts_its_own_ladder_and_then_nothing_ends_it_but_a_person(world: World) -> None:
    await start_overdue(world.installation)
    await help_at_visit(world.installation)
    await world.installation.quiet()
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}, {LIZ}]
    now = await world.installation.clock.now()
    await at_visit(world.installation, VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=now + 30 * MINUTE))
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "joined", "step_started"]


async def test_what_comes_while_nothing_is_open_changes_nothing(world: World) -> None:
    now = await world.installation.clock.now()
    extended = VisitExtended(visit_id=VISIT, met_due_at=None, expected_end_at=now, due_at=None)
    await plan(world.installation, extended)
    await world.installation.quiet()
    assert await world.installation.types(STREAM) == []
    await missed_visit(world.installation, "visit2")
    await world.installation.quiet()
    await record(
        world.installation,
        "checkin",
        "visit-visit2",
        extended.model_copy(update={"visit_id": "visit2"}),
        visit_id="visit2",
        site_id=SITE,
    )
    await world.installation.quiet()
    types = await world.installation.types("escalation-visit2")
    assert types == ["escalation.opened.v1", "escalation.step_started.v1"]
