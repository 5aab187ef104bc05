"""What does not come, over HTTP and by the clock: an approval, a start, an end, a report; and who reports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.checkin.domain.awaiting import KINDS
from shared.contracts.awaited import ApprovalOverdue, EndOverdue, ReminderDue, ReportOverdue, StartOverdue
from shared.contracts.visits import VisitReported
from shared.runtime.deadlines import Due
from tests.support.world import ANNA, BEN, CARA, SITE, World
from tests.unit.checkin.examples import AWAITING_POLICY, YES

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

ANSWERS = {"dynamic_assessment": YES}


@pytest_asyncio.fixture
async def awaiting(world: World) -> World:
    """The same small operator, whose policy awaits more than check-ins from now on."""
    await world.done(None, "POST", "/policies", AWAITING_POLICY.model_dump(mode="json"))
    return world


async def passes(world: World, span: timedelta) -> None:
    """Let time pass, and everything that falls due in it take effect."""
    await world.installation.clock.forward(span)
    await world.installation.quiet()


async def told(world: World, visit_id: str) -> list[str]:
    """Return who was reminded of what, and what was recorded as overdue, in order."""
    events = [recorded.event for recorded in await world.installation.history(visit_id=visit_id)]
    return [
        event.occasion if isinstance(event, ReminderDue) else event.type.split(".")[1]
        for event in events
        if isinstance(event, ReminderDue | ApprovalOverdue | StartOverdue | EndOverdue | ReportOverdue)
    ]


async def later(world: World, span: timedelta) -> str:
    """Return an instant of the log's time, as it is sent."""
    return (await world.installation.clock.now() + span).isoformat()


async def test_a_visit_that_nobody_decides_about_is_overdue_once_before_its_start(awaiting: World) -> None:
    starts = {"starts_at": await later(awaiting, 2 * HOUR), "expected_end_at": await later(awaiting, 4 * HOUR)}
    undecided, decided, cancelled = [await awaiting.planned(**starts) for _ in range(3)]
    await awaiting.done(BEN, "POST", f"/visits/{decided}/refusal", {"reason": "not_alone"})
    await awaiting.done(ANNA, "POST", f"/visits/{cancelled}/cancellation", {"reason": "called_off"})
    await passes(awaiting, 89 * MINUTE)
    assert await told(awaiting, undecided) == []
    await passes(awaiting, 2 * MINUTE)
    await passes(awaiting, 24 * HOUR)
    assert await told(awaiting, undecided) == ["approval_overdue"]
    assert [await told(awaiting, visit_id) for visit_id in (decided, cancelled)] == [[], []]
    assert (await awaiting.visit(undecided))["overdue"] == ["approval_overdue"]
    await awaiting.done(BEN, "POST", f"/visits/{undecided}/refusal", {"reason": "too_late"})
    assert (await awaiting.visit(undecided))["overdue"] == []


async def test_a_visit_that_does_not_start_reminds_the_worker_and_then_tells_others(awaiting: World) -> None:
    silent, begun, cancelled = [await awaiting.approved() for _ in range(3)]
    await awaiting.done(ANNA, "POST", f"/visits/{begun}/start", ANSWERS)
    await awaiting.done(ANNA, "POST", f"/visits/{cancelled}/cancellation", {"reason": "called_off"})
    await passes(awaiting, 6 * MINUTE)
    assert await told(awaiting, silent) == ["start"]
    await passes(awaiting, 10 * MINUTE)
    await passes(awaiting, HOUR)
    assert await told(awaiting, silent) == ["start", "start_overdue"]
    assert "start_overdue" not in await told(awaiting, begun)
    assert await told(awaiting, cancelled) == []
    await awaiting.done(ANNA, "POST", f"/visits/{silent}/start", ANSWERS)
    assert (await awaiting.visit(silent))["overdue"] == []


async def test_a_start_that_races_its_deadline_is_never_looked_for_afterwards(awaiting: World) -> None:
    visits = [await awaiting.approved() for _ in range(20)]
    rows = await awaiting.installation.admin.fetch(
        "SELECT stream_id, kind, subject, due_at FROM log.deadline WHERE kind = 'start_overdue'"
    )
    due = {row["stream_id"].removeprefix("visit-"): Due(**row) for row in rows}
    on_due = awaiting.installation.apps["checkin"].state.application.on_due
    await awaiting.installation.clock.forward(15 * MINUTE + timedelta(seconds=30))
    racing: list[Awaitable[object]] = []
    for number, visit_id in enumerate(visits):  # in pairs, now the one first and now the other
        pair = [awaiting.done(ANNA, "POST", f"/visits/{visit_id}/start", ANSWERS), on_due(due[visit_id])]
        racing += pair if number % 2 else reversed(pair)
    await asyncio.gather(*racing)
    await awaiting.installation.quiet()
    for visit_id in visits:
        types = await awaiting.installation.types(visit_id=visit_id)
        assert types.count("visit.started.v1") == 1
        assert types.count("visit.start_overdue.v1") <= 1
        assert "visit.start_overdue.v1" not in types[types.index("visit.started.v1") :]


async def test_the_clock_handles_every_kind_of_deadline_that_a_visit_has(awaiting: World) -> None:
    assert {*KINDS, "check_in_missed", "reminder_before", "reminder_at"} == set(
        awaiting.installation.parts["checkin"].deadlines
    )


async def test_an_approval_after_the_planned_start_alarms_nobody_at_once(awaiting: World) -> None:
    visit_id = await awaiting.planned()
    await passes(awaiting, 40 * MINUTE)
    assert await told(awaiting, visit_id) == ["approval_overdue"]
    await awaiting.done(BEN, "POST", f"/visits/{visit_id}/approval")
    await passes(awaiting, MINUTE)
    assert await told(awaiting, visit_id) == ["approval_overdue"]
    await passes(awaiting, 5 * MINUTE)
    await passes(awaiting, 10 * MINUTE)
    assert await told(awaiting, visit_id) == ["approval_overdue", "start", "start_overdue"]


@pytest.mark.requirement("CI-05")
async def test_a_visit_that_does_not_end_is_overdue_after_the_end_that_the_worker_gave_last(awaiting: World) -> None:
    visit_id = await awaiting.started(lasts=40 * MINUTE)
    await passes(awaiting, 30 * MINUTE)
    await awaiting.done(
        ANNA, "POST", f"/visits/{visit_id}/extensions", {"expected_end_at": await later(awaiting, 50 * MINUTE)}
    )
    await passes(awaiting, 51 * MINUTE)
    assert "end_overdue" not in await told(awaiting, visit_id)
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    await passes(awaiting, 10 * MINUTE)
    assert (await told(awaiting, visit_id))[-1] == "end"
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    await passes(awaiting, 20 * MINUTE)
    assert (await told(awaiting, visit_id))[-1] == "end_overdue"
    assert not (await awaiting.visit(visit_id))["missed"]
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/end")
    await passes(awaiting, MINUTE)
    assert (await told(awaiting, visit_id)).count("end_overdue") == 1
    assert (await awaiting.visit(visit_id))["overdue"] == []


@pytest.mark.requirement("PV-01")
async def test_a_report_is_awaited_from_the_end_and_taken_from_the_worker(awaiting: World) -> None:
    visit_id = await awaiting.started()
    report = {"went": "well", "note": "canary: a quiet hour"}
    assert await awaiting.refused(ANNA, "POST", f"/visits/{visit_id}/report", report) == (409, "not_ended")
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/end")
    await passes(awaiting, HOUR + MINUTE)
    assert await told(awaiting, visit_id) == ["report"]
    await passes(awaiting, 3 * HOUR)
    await passes(awaiting, 24 * HOUR)
    assert await told(awaiting, visit_id) == ["report", "report_overdue"]
    assert (await awaiting.visit(visit_id))["overdue"] == ["report_overdue"]
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/report", report)
    visit = await awaiting.visit(visit_id)
    assert (visit["overdue"], visit["report"]) == ([], {"by": ANNA, **report})


async def test_a_report_in_time_leaves_nobody_to_be_told(awaiting: World) -> None:
    visit_id = await awaiting.started()
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/end")
    assert (await awaiting.visit(visit_id))["report_due_at"] is not None
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/report", {"went": "well"})
    await passes(awaiting, 24 * HOUR)
    assert await told(awaiting, visit_id) == []


@pytest.mark.requirement("PV-01")
async def test_a_report_is_the_workers_or_a_responders_and_its_note_is_sealed(awaiting: World) -> None:
    visit_id = await awaiting.started()
    await awaiting.done(ANNA, "POST", f"/visits/{visit_id}/end")
    path, report = f"/visits/{visit_id}/report", {"went": "incident", "note": "canary: the dog bit"}
    assert (await awaiting.refused(CARA, "POST", path, report))[0] == 403
    first = await awaiting.done(BEN, "POST", path, report, headers={"Idempotency-Key": "once"})
    again = await awaiting.done(BEN, "POST", path, report, headers={"Idempotency-Key": "once"})
    assert first["position"] == again["position"]
    await awaiting.done(ANNA, "POST", path, {"went": "incident"})
    await awaiting.done(ANNA, "POST", path, {"went": "incident"})
    history = await awaiting.installation.history(visit_id=visit_id)
    reports = [recorded.event for recorded in history if isinstance(recorded.event, VisitReported)]
    assert [report.by for report in reports] == [BEN, ANNA], "the same content again is a repeat"
    assert reports[0].note is not None
    assert "canary" not in str([recorded.event for recorded in history])


@pytest.mark.parametrize(
    "body", [{}, {"went": "In prose."}, {"went": "well", "not": "known"}, {"went": "well", "note": ""}]
)
async def test_a_report_that_cannot_be_read_is_refused(awaiting: World, body: dict[str, Any]) -> None:
    visit_id = await awaiting.started()
    assert await awaiting.refused(ANNA, "POST", f"/visits/{visit_id}/report", body) == (422, "invalid")


async def test_a_visit_planned_under_an_earlier_policy_awaits_what_that_one_did(world: World) -> None:
    visit_id = await world.approved()
    await world.done(None, "POST", "/policies", AWAITING_POLICY.model_dump(mode="json"))
    await passes(world, 24 * HOUR)
    assert await told(world, visit_id) == []
    assert (await world.done(None, "GET", f"/sites/{SITE}"))["policy"]["policy"]["awaits"]["start"] is not None
