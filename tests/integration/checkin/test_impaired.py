"""What checkin does on a bad day: it begins nothing that nobody can watch over, and tells its own outage from a silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.contracts.awaited import CheckInMissed
from shared.contracts.troubles import OutageRecorded
from shared.runtime.commands import Decided
from shared.runtime.ids import new_id
from shared.runtime.log import By, Loaded, Write
from shared.runtime.watch import ImpairedError
from tests.support.world import ANNA, BEN, GRACE, INTERVAL, World
from tests.unit.checkin.examples import YES

MINUTE = timedelta(minutes=1)
OUTAGES = "checkin_trouble-outage"


class Impaired:
    """Knows that nobody can be watched over."""

    def require(self) -> None:
        raise ImpairedError


@contextmanager
def nobody_watches(world: World) -> Iterator[None]:
    """Let checkin know that its watch is impaired, for a while."""
    state = world.installation.apps["checkin"].state
    before = state.application
    state.application = replace(before, watch=Impaired())
    try:
        yield
    finally:
        state.application = before


async def was_away(world: World, from_at: datetime, to_at: datetime) -> None:
    """Record that checkin itself was away, as its clock does."""
    said = OutageRecorded(service="checkin", loop="clock", from_at=from_at, to_at=to_at, overdue=1)

    def decide(loaded: Loaded) -> Decided:
        return Decided([Write(OUTAGES, loaded[OUTAGES].version, [said])])

    commands = world.installation.running["checkin"].commands
    await commands.handle("say", [OUTAGES], decide, By("system:test", new_id()))


async def misses(world: World, visit_id: str) -> list[str | None]:
    """Return why each miss of a visit was late."""
    history = await world.installation.history(visit_id=visit_id)
    return [recorded.event.late for recorded in history if isinstance(recorded.event, CheckInMissed)]


# ------------------------------------------------------------------------------------------------------------- the watch


async def test_nothing_is_approved_or_started_while_nobody_watches_and_both_are_afterwards(world: World) -> None:
    planned, approved = await world.planned(), await world.approved()
    start = {"dynamic_assessment": YES}
    with nobody_watches(world):
        assert await world.refused(BEN, "POST", f"/visits/{planned}/approval") == (503, "watch_impaired")
        assert await world.refused(ANNA, "POST", f"/visits/{approved}/start", start) == (503, "watch_impaired")
    assert (await world.visit(planned))["status"] == "planned"
    await world.done(BEN, "POST", f"/visits/{planned}/approval")
    await world.done(ANNA, "POST", f"/visits/{approved}/start", start)


async def test_while_nobody_watches_everything_else_is_taken(world: World) -> None:
    visit_id, other = await world.started(), await world.planned()
    end = (await world.installation.clock.now() + timedelta(hours=3)).isoformat()
    with nobody_watches(world):
        await world.planned()
        await world.done(BEN, "POST", f"/visits/{other}/refusal", {"reason": "not_alone"})
        await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
        await world.done(ANNA, "POST", f"/visits/{visit_id}/extensions", {"expected_end_at": end})
        await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
        await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
        await world.done(ANNA, "POST", f"/visits/{visit_id}/report", {"went": "well"})


async def test_who_may_not_approve_learns_that_first_and_a_repeat_is_answered_as_it_was(world: World) -> None:
    visit_id, key = await world.planned(), {"Idempotency-Key": "approve-once"}
    first = await world.done(BEN, "POST", f"/visits/{visit_id}/approval", headers=key)
    with nobody_watches(world):
        assert (await world.refused(ANNA, "POST", f"/visits/{visit_id}/approval"))[0] == 403
        again = await world.done(BEN, "POST", f"/visits/{visit_id}/approval", headers=key)
    assert again["position"] == first["position"]


# ------------------------------------------------------------------------------------------------------------ the outage


@pytest.mark.requirement("M-01")
async def test_a_miss_that_fell_into_an_outage_says_that_lonewatch_was_away(world: World) -> None:
    visit_id = await world.started(lasts=timedelta(hours=9))
    now = await world.installation.clock.now()
    await was_away(world, now + INTERVAL, now + INTERVAL + 2 * GRACE)
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    await world.installation.quiet()
    assert await misses(world, visit_id) == ["system_outage"]


async def test_a_miss_outside_every_outage_is_not_put_down_to_one(world: World) -> None:
    visit_id = await world.started(lasts=timedelta(hours=9))
    now = await world.installation.clock.now()
    for minutes in range(25):  # more than are looked at, none of them at the deadline
        await was_away(world, now + minutes * MINUTE, now + minutes * MINUTE + timedelta(seconds=30))
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.installation.quiet()
    assert await misses(world, visit_id) == ["nobody_looked_in_time"]


async def test_a_check_in_that_comes_before_the_clock_looks_again_has_the_outage_recorded_first(world: World) -> None:
    visit_id = await world.started(lasts=timedelta(hours=9))
    now = await world.installation.clock.now()

    async def note_outage() -> None:
        await was_away(world, now, now + INTERVAL + 2 * GRACE)

    state = world.installation.apps["checkin"].state
    state.application = replace(state.application, note_outage=note_outage)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    assert await world.installation.types(OUTAGES) == [OutageRecorded.type], "help waits for nothing"
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
    assert await misses(world, visit_id) == ["system_outage"]


async def test_a_check_in_is_taken_where_the_outage_cannot_be_recorded(world: World) -> None:
    visit_id = await world.started()

    async def note_outage() -> None:
        raise TimeoutError

    state = world.installation.apps["checkin"].state
    state.application = replace(state.application, note_outage=note_outage)
    assert not (await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins"))["missed"]
