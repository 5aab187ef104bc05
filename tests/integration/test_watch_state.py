"""What Lonewatch says and refuses while it cannot watch, over HTTP: with a service of the alarm chain away, and without a log."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from shared.runtime import patience, watch
from shared.runtime.append_check import AppendCheck
from shared.runtime.watch import ImpairedError
from tests.support.line import line_to
from tests.support.services import Installation
from tests.support.waiting import until
from tests.support.world import ANNA, BEN, World, make_world
from tests.unit.checkin.examples import YES

CHAIN = ("checkin", "notifier")
"""An alarm chain of which only the first runs; a test writes the other one's cycles."""

RING = "Ring the duty desk."

AT_WORK = -1.0
"""Seconds since notifier finished its loops, while it is at work: a moment ahead, for no longer than the watch believes."""

# Say that notifier finished both its loops some seconds ago.
FINISHED = """
INSERT INTO log.cycle (service, replica, loop, finished_at)
SELECT 'notifier', '1', loop, clock_timestamp() - $1::float8 * interval '1 s' FROM unnest(ARRAY['feed', 'clock']) AS loop
ON CONFLICT (service, replica, loop) DO UPDATE SET finished_at = excluded.finished_at
"""


@pytest_asyncio.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    """A running checkin whose notifier has never run."""
    async with installation.service("checkin", alarm_chain=CHAIN, ring=RING) as checkin:
        yield await make_world(installation, checkin)


async def seen(world: World, *, impaired: bool) -> None:
    """Wait until checkin knows how the watch is."""

    async def look() -> bool:
        return (world.installation.running["checkin"].watch.impairment is not None) is impaired

    await until(look)


async def notifier_looked(world: World, seconds_ago: float) -> None:
    """Let notifier have finished its loops so many seconds ago, and wait until checkin knows."""
    await world.installation.admin.execute(FINISHED, seconds_ago)
    await seen(world, impaired=seconds_ago > 10)


async def test_the_watch_is_impaired_until_every_service_of_the_chain_has_finished_a_cycle(world: World) -> None:
    known = world.installation.running["checkin"].watch

    async def own_cycles_are_seen() -> bool:
        return known.impairment is not None and known.impairment.why == (
            "notifier has never followed the log",
            "notifier has never looked at its deadlines",
        )

    await until(own_cycles_are_seen)
    with pytest.raises(ImpairedError):
        known.require()
    await notifier_looked(world, AT_WORK)
    known.require()


async def test_while_the_watch_is_impaired_no_visit_is_approved_or_started(world: World) -> None:
    await notifier_looked(world, AT_WORK)
    planned, approved = await world.planned(), await world.approved()
    await notifier_looked(world, 60)
    for who, path, body in (
        (BEN, f"/visits/{planned}/approval", None),
        (ANNA, f"/visits/{approved}/start", {"dynamic_assessment": YES}),
    ):
        response = await world.send(who, "POST", path, body)
        problem = response.json()
        assert (response.status_code, problem["code"], problem["ring"]) == (503, "watch_impaired", RING)
        assert any(why.startswith("notifier has not looked at its deadlines for 6") for why in problem["why"])
        assert response.headers["retry-after"] == "10"
    assert (await world.visit(planned))["status"] == "planned"
    assert (await world.visit(approved))["status"] == "approved"


async def test_while_the_watch_is_impaired_help_check_in_and_end_are_taken_and_the_answer_says_whom_to_ring(
    world: World,
) -> None:
    await notifier_looked(world, AT_WORK)
    visit_id = await world.started()
    assert "watch" not in await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    await notifier_looked(world, 60)
    for path in (f"/visits/{visit_id}/check-ins", f"/visits/{visit_id}/help", f"/workers/{ANNA}/help"):
        told = (await world.done(ANNA, "POST", path))["watch"]
        assert (told["impaired"], told["ring"]) == (True, RING)
        assert all(why.startswith("notifier has not ") for why in told["why"])
    assert (await world.done(ANNA, "POST", f"/visits/{visit_id}/end"))["watch"]["impaired"] is True
    refused = (await world.send(ANNA, "POST", f"/visits/{visit_id}/check-ins")).json()
    assert (refused["code"], refused["watch"]["ring"]) == ("visit_ended", RING)


async def test_readiness_says_how_the_watch_is_and_stays_ready(world: World) -> None:
    await notifier_looked(world, 60)
    ready = await world.send(None, "GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json()["watch"]["impaired"] is True
    await notifier_looked(world, AT_WORK)
    assert (await world.send(None, "GET", "/readyz")).json()["watch"] == {"impaired": False}


async def test_while_the_log_hangs_a_call_for_help_is_answered_in_time_with_whom_to_ring(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWERED_WITHIN", 0.5)
    monkeypatch.setattr(watch, "UNREAD", 1.5)
    there = urlsplit(installation.database.dsn("checkin"))
    async with line_to(there.hostname or "", there.port or 5432) as line:
        held = there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{line.begins_at}").geturl()
        async with installation.service("checkin", database=held, ring=RING) as checkin:
            world = await make_world(installation, checkin)
            visit_id = await world.started()
            line.hold()
            response = await world.send(ANNA, "POST", f"/visits/{visit_id}/help")
            assert (response.status_code, response.json()["code"]) == (503, "unavailable")
            assert response.json()["ring"] == RING
            await seen(world, impaired=True)
            response = await world.send(ANNA, "POST", f"/visits/{visit_id}/help")
            assert response.json()["watch"] == {"impaired": True, "why": ["the log cannot be read"], "ring": RING}
            line.release()
            await seen(world, impaired=False)
            assert "watch" not in await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")


async def test_a_service_that_can_append_nothing_takes_no_part_in_the_watch(world: World) -> None:
    await notifier_looked(world, AT_WORK)
    service = world.installation.running["checkin"]
    check = AppendCheck(service.commands.sequencer, service.cycles, "checkin")
    append = "log.append(jsonb, jsonb, jsonb, jsonb, bytea[], jsonb)"
    await world.installation.admin.execute(f"ALTER FUNCTION {append} RENAME TO append_gone")
    await check.check()
    service.cycles.finish("clock")
    age = service.cycles.ages()["clock"]
    service.cycles.finish("clock")
    assert service.cycles.ages()["clock"] >= age, "no cycle counts whose findings cannot be recorded"
    await world.installation.admin.execute(f"ALTER FUNCTION {append.replace('append', 'append_gone')} RENAME TO append")
    await check.check()
    service.cycles.finish("clock")
    assert service.cycles.ages()["clock"] < age


async def test_a_service_that_runs_alone_waits_for_no_other(installation: Installation) -> None:
    async with installation.service("checkin"):
        assert installation.running["checkin"].watch.impairment is None
