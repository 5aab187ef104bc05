"""Each service compares its own accounts of one thing: what differs is told, and a missing deadline is put back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.contracts.envelope import Recorded
from shared.contracts.troubles import SelfCheckDiffered
from shared.runtime import deadline_check
from shared.runtime.columns_check import Columns
from shared.runtime.log import By
from shared.runtime.reading import Unreadable, parked
from shared.runtime.self_checks import SelfChecks
from shared.runtime.troubles import Known
from tests.support.services import Installation
from tests.support.world import ANNA, World, make_world

# The deadlines of a stream, whoever claimed them.
ROWS = "SELECT kind, subject, due_at FROM log.deadline WHERE stream_id = $1 ORDER BY kind, subject"

# What only the superuser can do to them.
LOSE = "DELETE FROM log.deadline WHERE stream_id = $1"
PUT_OFF = "UPDATE log.deadline SET due_at = due_at + interval '1 day' WHERE stream_id = $1"
ADD = "INSERT INTO log.deadline SELECT stream_id, kind, 'nothing', topic, due_at FROM log.deadline WHERE stream_id = $1"


@pytest_asyncio.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    """A running checkin and escalation, with Anna and Ben."""
    async with installation.service("checkin") as checkin, installation.service("escalation"):
        yield await make_world(installation, checkin)


async def look(world: World, service: str) -> list[Recorded]:
    """Let a service look once; return what it has said of differences so far."""
    running, parts = world.installation.running[service], world.installation.parts[service]
    columns = Columns(running.pool, running.troubles)
    await SelfChecks(running.troubles, [columns.check, *parts.self_checks], running.cycles).look()
    return [
        recorded
        for recorded in await world.installation.history()
        if isinstance(recorded.event, SelfCheckDiffered) and recorded.event.service == service
    ]


async def test_where_all_is_well_nothing_is_said_or_written(world: World) -> None:
    await world.started()
    await world.installation.quiet()
    before = await world.installation.types()
    assert await look(world, "checkin") == []
    assert await look(world, "escalation") == []
    assert await world.installation.types() == before


@pytest.mark.parametrize("harm", [LOSE, PUT_OFF, ADD])
async def test_a_deadline_that_is_not_as_the_history_has_it_is_put_right_and_told(world: World, harm: str) -> None:
    visit_id = await world.started()
    await world.installation.quiet()
    rows = await world.installation.admin.fetch(ROWS, f"visit-{visit_id}")
    await world.installation.admin.execute(harm, f"visit-{visit_id}")
    (told,) = await look(world, "checkin")
    assert await world.installation.admin.fetch(ROWS, f"visit-{visit_id}") == rows != []
    event = told.event
    assert isinstance(event, SelfCheckDiffered)
    assert (event.check, event.place, event.mended) == ("deadlines", f"visit-{visit_id}", True)
    assert event.expected != event.found
    assert (told.envelope.stream_id, told.envelope.visit_id) == (f"checkin_trouble-{visit_id}", visit_id)
    assert await look(world, "checkin") == [told], "once"


async def test_a_stream_that_a_later_release_wrote_in_keeps_no_other_from_being_looked_at(world: World) -> None:
    newer, visit_id = await world.started(), await world.started()
    await world.installation.quiet()
    await world.installation.admin.execute(
        "UPDATE log.event SET record = convert_to(replace(replace(convert_from(record, 'UTF8'), 'visit.started.v1',"
        " 'visit.started.v2'), '\"release\":\"0.', '\"release\":\"9.'), 'UTF8') WHERE stream_id = $1 AND version = 3",
        f"visit-{newer}",
    )
    for stream_id in (f"visit-{newer}", f"visit-{visit_id}"):
        await world.installation.admin.execute(LOSE, stream_id)
    (check,) = world.installation.parts["checkin"].self_checks
    assert [found.place for found in await check.look()] == [f"visit-{visit_id}"]


async def test_deadlines_that_followed_from_another_release_s_rules_are_put_right_and_told_to_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = await world.started()
    await world.installation.quiet()
    rows = await world.installation.admin.fetch(ROWS, f"visit-{visit_id}")
    await world.installation.admin.execute(LOSE, f"visit-{visit_id}")
    monkeypatch.setattr(deadline_check, "RELEASE", "9.0.0")
    assert await look(world, "checkin") == []
    assert await world.installation.admin.fetch(ROWS, f"visit-{visit_id}") == rows != []


async def test_the_next_step_of_an_escalation_is_put_back_too(world: World) -> None:
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    await world.installation.quiet()
    rows = await world.installation.admin.fetch(ROWS, f"escalation-{visit_id}")
    await world.installation.admin.execute(LOSE, f"escalation-{visit_id}")
    (told,) = await look(world, "escalation")
    assert await world.installation.admin.fetch(ROWS, f"escalation-{visit_id}") == rows != []
    assert told.envelope.visit_id == visit_id
    assert isinstance(told.event, SelfCheckDiffered)
    assert told.event.found == "none"


async def test_a_column_that_is_not_what_its_record_says_is_told_and_left(world: World) -> None:
    visit_id = await world.started()
    await world.installation.quiet()
    await world.installation.admin.execute(
        "UPDATE log.event SET site_id = 'site2', actor = 'ben' WHERE stream_id = $1 AND version = 1",
        f"visit-{visit_id}",
    )
    (told,) = await look(world, "checkin")
    event = told.event
    assert isinstance(event, SelfCheckDiffered)
    assert (event.check, event.expected, event.mended) == ("columns", "site_id, actor as in the record", False)
    assert (event.visit_id, event.site_id) == (visit_id, "site1")
    assert await look(world, "checkin") == [told], "once"


async def test_a_record_that_nothing_can_read_is_left_to_whoever_follows_it(world: World) -> None:
    visit_id = await world.started()
    await world.installation.quiet()
    await world.installation.admin.execute(
        "UPDATE log.event SET record = 'broken' WHERE stream_id = $1 AND version = 3", f"visit-{visit_id}"
    )
    running = world.installation.running["checkin"]
    assert await Columns(running.pool, running.troubles).look() == []


async def test_a_record_that_was_set_aside_for_it_is_not_told_of_a_second_time(world: World) -> None:
    visit_id = await world.started()
    await world.installation.quiet()
    await world.installation.admin.execute(
        "UPDATE log.event SET event_id = 'another' WHERE stream_id = $1 AND version = 3", f"visit-{visit_id}"
    )
    running = world.installation.running["checkin"]
    columns = Columns(running.pool, running.troubles)
    found = await columns.look()
    assert [one.expected for one in found] == ["event_id as in the record"]

    position = int(found[0].place.removeprefix("position-"))
    row = await world.installation.admin.fetchrow(
        "SELECT *, now() AS read_at FROM log.event WHERE position = $1", position
    )
    assert row is not None
    fact = parked("checkin", "checkin.visits", row, Unreadable("columns_differ", "event_id"))
    stream_id = running.troubles.stream_of_row(row)
    await running.troubles.park(fact, stream_id, Known(), By("system:checkin", "test"), None, row["read_at"])

    assert await Columns(running.pool, running.troubles).look() == []
