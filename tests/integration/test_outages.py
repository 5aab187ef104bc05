"""A service that was away says so once, before it handles what fell due meanwhile; and a clock that differs is told."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.awaited import CheckInMissed
from shared.contracts.troubles import ClockAgreed, ClockDiffered, OutageRecorded, trouble_stream
from shared.runtime import outages
from shared.runtime.clock import wall
from shared.runtime.clock_check import ClockCheck
from shared.runtime.outages import Outages
from shared.runtime.postgres import LOST
from shared.runtime.telemetry import Cycles
from shared.runtime.troubles import Troubles
from tests.support.services import Installation
from tests.support.waiting import until
from tests.support.world import ANNA, GRACE, INTERVAL, make_world

OUTAGE = trouble_stream("checkin", "outage")
SECOND = timedelta(seconds=1)
AWAY = timedelta(minutes=30)

# Let a service have been away for a while: the log's time moves by itself.
AGED = "UPDATE log.cycle SET finished_at = clock_timestamp() - $1::interval"

# Whether escalation is known to have watched: without that its next start is its first.
LOOKED = "SELECT EXISTS (SELECT FROM log.cycle WHERE service = 'escalation' AND loop = 'clock')"

# Let another replica have gone on.
WENT_ON = "INSERT INTO log.cycle VALUES ('checkin', '7', 'clock', clock_timestamp() - $1::interval)"


@pytest_asyncio.fixture
async def missed(installation: Installation) -> AsyncIterator[str]:
    """A visit whose check-in was missed while checkin was away for half an hour."""
    async with installation.service("checkin") as checkin:
        world = await make_world(installation, checkin)
        visit_id = await world.started()
        await installation.quiet()
    await installation.clock.forward(INTERVAL + GRACE + SECOND)
    await installation.admin.execute(AGED, AWAY)
    yield visit_id


async def outages_recorded(installation: Installation) -> list[OutageRecorded]:
    """Return what checkin said of its own absence."""
    events = [recorded.event for recorded in await installation.history(OUTAGE)]
    return [event for event in events if isinstance(event, OutageRecorded)]


async def back(installation: Installation, *replicas: str) -> None:
    """Let these replicas of checkin come back at once, and do what is due."""
    async with AsyncExitStack() as stack:
        for replica in replicas:
            await stack.enter_async_context(installation.service("checkin", replica=replica))
        await installation.quiet()


async def test_an_outage_is_in_the_log_before_anything_that_fell_due_in_it(
    installation: Installation, missed: str
) -> None:
    before = await installation.clock.now()
    await back(installation, "1")
    (said,) = await outages_recorded(installation)
    (at,) = [recorded.position for recorded in await installation.history(OUTAGE)]
    [*_, miss] = await installation.history(visit_id=missed)
    assert isinstance(miss.event, CheckInMissed)
    assert miss.event.late == "system_outage", "and not the worker's silence alone"
    assert at < miss.position
    assert (said.service, said.loop) == ("checkin", "clock")
    assert said.overdue >= 1
    assert abs(said.from_at - (before - AWAY)) < 20 * SECOND
    assert abs(said.to_at - before) < 20 * SECOND


async def test_two_replicas_that_come_back_together_say_it_once(installation: Installation, missed: str) -> None:
    await back(installation, "1", "2")
    assert len(await outages_recorded(installation)) == 1
    assert (await installation.types(visit_id=missed)).count("visit.check_in_missed.v1") == 1


async def test_it_is_no_outage_while_another_replica_went_on(installation: Installation, missed: str) -> None:
    await installation.admin.execute(WENT_ON, -AWAY)  # however slow this machine is, it went on until now
    await back(installation, "1")
    assert await outages_recorded(installation) == []
    assert "visit.check_in_missed.v1" in await installation.types(visit_id=missed)


async def test_a_call_for_help_that_waited_for_escalation_counts_as_overdue_in_its_outage(
    installation: Installation,
) -> None:
    async with installation.service("checkin") as checkin:
        world = await make_world(installation, checkin)
        async with installation.service("escalation"):
            await until(lambda: installation.admin.fetchval(LOOKED))
        await installation.admin.execute(AGED, AWAY)
        await world.done(ANNA, "POST", f"/workers/{ANNA}/help")
        async with installation.service("escalation"):
            await installation.quiet()
    said = [recorded.event for recorded in await installation.history(trouble_stream("escalation", "outage"))]
    [outage] = [event for event in said if isinstance(event, OutageRecorded)]
    assert outage.overdue >= 1, "so the operator is told"


async def test_the_first_start_of_all_is_no_outage(installation: Installation) -> None:
    await back(installation, "1")
    assert await outages_recorded(installation) == []


class Broken(Troubles):
    """Troubles of which none can be recorded."""

    async def record(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError


async def test_an_outage_that_cannot_be_recorded_holds_nothing_up(
    installation: Installation, missed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Troubles, "record", Broken.record)
    await back(installation, "1")
    assert "visit.check_in_missed.v1" in await installation.types(visit_id=missed)


async def test_whoever_looked_a_moment_ago_asks_nothing(installation: Installation) -> None:
    async with installation.service("checkin"):
        running = installation.running["checkin"]
        await installation.quiet()
        await installation.admin.execute(AGED, AWAY)
        cycles = Cycles(running.pool, "9")
        asking = Outages(running.pool, running.troubles, "escalation", cycles)
        cycles.finish(outages.LOOP)
        await asking.before_claiming()
        assert await outages_recorded(installation) == []


async def test_without_the_log_nothing_is_claimed(installation: Installation) -> None:
    async with installation.service("checkin"):
        running = installation.running["checkin"]
    asking = Outages(running.pool, running.troubles, "checkin", Cycles(running.pool, "9"))
    with pytest.raises(LOST):
        await asking.before_claiming()


async def test_a_clock_that_differs_twice_is_told_once_and_once_when_it_agrees_again(
    installation: Installation,
) -> None:
    ahead = timedelta(0)

    def moved() -> datetime:
        return wall() + ahead

    async with installation.service("checkin"):
        running = installation.running["checkin"]
        check = ClockCheck(running.pool, running.troubles, "9", moved)

        async def after(difference: timedelta, looks: int) -> list[Any]:
            nonlocal ahead
            ahead = difference
            for _ in range(looks):
                await check.look()
            return [recorded.event for recorded in await installation.history(trouble_stream("checkin", "9"))]

        assert await after(timedelta(0), 2) == []
        assert await after(1.9 * SECOND, 3) == []
        assert await after(-60 * SECOND, 1) == []
        (differed,) = await after(-60 * SECOND, 3)
        assert isinstance(differed, ClockDiffered)
        assert (differed.service, differed.replica) == ("checkin", "9")
        assert abs(differed.seconds + 60) < 1
        assert await after(timedelta(0), 3) == [differed, ClockAgreed(service="checkin", replica="9")]
