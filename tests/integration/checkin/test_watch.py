"""The clock of checkin: reminders, a miss exactly once after the deadline, the race with a check-in, and the resumption."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from shared.contracts.awaited import CheckInMissed, ReminderDue
from shared.contracts.base import Event
from shared.contracts.escalations import EscalationResolved, EscalationStoodDown
from shared.runtime.commands import Commands, Decided
from shared.runtime.deadlines import Due
from shared.runtime.ids import new_id
from shared.runtime.log import By, Loaded, Write
from shared.runtime.postgres import open_pool
from shared.runtime.sequencer import Sequencer
from tests.support.services import Installation
from tests.support.world import ANNA, BEN, GRACE, INTERVAL, World

MINUTE = timedelta(minutes=1)


def of_visit(types: list[str], word: str) -> int:
    return sum(word in one for one in types)


async def escalation_says(installation: Installation, visit_id: str | None, event: Event) -> None:
    """Append an event as the escalation service would."""
    pool = await open_pool(installation.database.dsn("escalation"))
    sequencer = Sequencer(pool, "test")
    carrying = asyncio.create_task(sequencer.run())
    stream_id = f"escalation-{visit_id or ANNA}"

    def decide(loaded: Loaded) -> Decided:
        return Decided([Write(stream_id, loaded[stream_id].version, [event], visit_id=visit_id)])

    try:
        await Commands(pool, sequencer).handle("say", [stream_id], decide, By("system:test", new_id()))
    finally:
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        await pool.close()


def resolved(visit_id: str | None, episode: int = 1) -> EscalationResolved:
    return EscalationResolved(
        escalation_id=f"{visit_id or ANNA}.{episode}",
        visit_id=visit_id,
        by=BEN,
        confirmed_by=BEN,
        how="spoke_to_them",
        note=None,
        asks=(),
    )


@pytest.mark.requirement("M-01")
async def test_a_missed_check_in_is_recorded_once_after_the_grace(world: World) -> None:
    visit_id = await world.started()
    await world.installation.clock.forward(INTERVAL + GRACE - MINUTE)
    await world.installation.quiet()
    assert not (await world.visit(visit_id))["missed"]
    await world.installation.clock.forward(MINUTE)
    await world.installation.quiet()
    await world.installation.clock.forward(timedelta(hours=24))
    await world.installation.quiet()
    missed = [
        one.event for one in await world.installation.history(visit_id=visit_id) if isinstance(one.event, CheckInMissed)
    ]
    [event] = missed
    assert event.missed_at == event.due_at + GRACE < event.detected_at
    assert event.cites.clauses == ("4", "4.2")
    assert (await world.visit(visit_id))["missed"]


async def test_the_worker_is_reminded_before_the_check_in_and_when_it_is_due(world: World) -> None:
    visit_id = await world.started()
    await world.installation.clock.forward(INTERVAL - 9 * MINUTE)
    await world.installation.quiet()
    await world.installation.clock.forward(9 * MINUTE)
    await world.installation.quiet()
    history = await world.installation.history(visit_id=visit_id)
    reminders = [one.event for one in history if isinstance(one.event, ReminderDue)]
    assert [reminder.occasion for reminder in reminders] == ["before", "at"]
    assert [reminder.reminder_id for reminder in reminders] == [f"{visit_id}.r1", f"{visit_id}.r2"]
    assert not (await world.visit(visit_id))["missed"]


async def test_after_a_check_in_or_the_end_nothing_is_missed(world: World) -> None:
    checked_in, ended = await world.started(lasts=timedelta(hours=9)), await world.started(lasts=timedelta(hours=9))
    await world.installation.clock.forward(INTERVAL)
    await world.done(ANNA, "POST", f"/visits/{checked_in}/check-ins")
    await world.done(ANNA, "POST", f"/visits/{ended}/end")
    await world.installation.clock.forward(INTERVAL - MINUTE)
    await world.installation.quiet()
    for visit_id in (checked_in, ended):
        assert of_visit(await world.installation.types(visit_id=visit_id), "missed") == 0


async def test_a_check_in_after_the_miss_is_late_and_closes_nothing(world: World) -> None:
    visit_id = await world.started()
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.installation.quiet()
    assert (await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins"))["missed"]
    assert (await world.installation.types(visit_id=visit_id))[-1] == "visit.late_check_in_recorded.v1"


async def test_when_an_escalation_ends_the_watch_goes_on_once(world: World) -> None:
    visit_id = await world.started(lasts=timedelta(hours=9))
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.installation.quiet()
    await escalation_says(world.installation, visit_id, resolved(visit_id))
    await world.installation.quiet()
    visit = await world.visit(visit_id)
    assert (visit["missed"], visit["resumed_after"]) == (False, [f"{visit_id}.1"])
    await escalation_says(world.installation, visit_id, resolved(visit_id))
    await world.installation.quiet()
    assert of_visit(await world.installation.types(visit_id=visit_id), "watch_resumed") == 1
    await world.installation.clock.forward(INTERVAL + 2 * GRACE)
    await world.installation.quiet()
    assert of_visit(await world.installation.types(visit_id=visit_id), "check_in_missed") == 2
    down = EscalationStoodDown(
        escalation_id=f"{visit_id}.2", visit_id=visit_id, by=BEN, reason="forgot", note=None, asks=()
    )
    await escalation_says(world.installation, visit_id, down)
    await world.installation.quiet()
    assert (await world.visit(visit_id))["resumed_after"] == [f"{visit_id}.1", f"{visit_id}.2"]


async def test_an_escalation_that_ends_without_a_visit_or_after_it_resumes_nothing(world: World) -> None:
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
    for concerned in (visit_id, None, "nowhere"):
        await escalation_says(world.installation, concerned, resolved(concerned))
    await world.installation.quiet()
    assert of_visit(await world.installation.types(), "watch_resumed") == 0


async def test_the_end_of_an_escalation_puts_off_no_check_in_that_is_still_awaited(world: World) -> None:
    visit_id = await world.started(lasts=timedelta(hours=9))
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    due_at = (await world.visit(visit_id))["due_at"]
    await world.installation.clock.forward(MINUTE)
    await escalation_says(world.installation, visit_id, resolved(visit_id))
    await world.installation.quiet()
    visit = await world.visit(visit_id)
    assert (visit["due_at"], visit["resumed_after"]) == (due_at, [])
    await world.installation.clock.forward(INTERVAL + GRACE)
    await world.installation.quiet()
    assert of_visit(await world.installation.types(visit_id=visit_id), "check_in_missed") == 1


async def test_whoever_comes_first_past_the_grace_records_one_miss_and_no_check_in_counts(world: World) -> None:
    visits = [await world.started(lasts=timedelta(hours=9)) for _ in range(50)]
    rows = await world.installation.admin.fetch(
        "SELECT stream_id, kind, subject, due_at FROM log.deadline WHERE kind = 'check_in_missed'"
    )
    due = {row["stream_id"].removeprefix("visit-"): Due(**row) for row in rows}
    on_due = world.installation.apps["checkin"].state.application.on_due
    await world.installation.clock.forward(INTERVAL + GRACE + timedelta(seconds=30))
    racing: list[Awaitable[object]] = []
    for number, visit_id in enumerate(visits):  # in pairs, now the one first and now the other
        pair = [world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins"), on_due(due[visit_id])]
        racing += pair if number % 2 else reversed(pair)
    answers = await asyncio.gather(*racing)
    await world.installation.quiet()
    assert all(answer["missed"] for answer in answers if isinstance(answer, dict)), "the device is told"
    for visit_id in visits:
        types = await world.installation.types(visit_id=visit_id)
        told = [one for one in types if "check_in" in one]
        assert told == ["visit.check_in_missed.v1", "visit.late_check_in_recorded.v1"]
        deadlines = await world.installation.admin.fetchval(
            "SELECT count(*) FROM log.deadline WHERE stream_id = $1", f"visit-{visit_id}"
        )
        assert deadlines == 0, "left to its escalation"
