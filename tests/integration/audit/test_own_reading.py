"""Reading one's own timeline over HTTP: the same under duress as without, whatever roles the worker holds."""

import re

import httpx2
import pytest

from services.audit.domain import timeline_text
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import stream_of
from shared.contracts.grants import GrantGiven
from shared.contracts.roles import Role
from shared.contracts.situations import WorkerDuressSignalled
from tests.integration.audit.conftest import PLACE, World
from tests.support.history import LIZ, SITE, SUE, WALT, record, withdraw

ORDINARY, UNDER_DURESS = "visit1", "visit2"

MASKS = (
    (re.compile(r"visit[12]"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?|\d\d:\d\d:\d\d"), "<instant>"),
    (re.compile(r"\d{4}-\d\d-\d\d \(UTC\)"), "<day>"),
)


def seen(response: httpx2.Response) -> tuple[int, dict[str, str], str]:
    """Return all that a device gets of an answer, with ids and instants masked: status, headers, body."""
    body = response.text
    for mask, instead in MASKS:
        body = mask.sub(instead, body)
    moving = {"date", "x-correlation-id", "x-request-id", "content-length"}
    return response.status_code, {name: it for name, it in response.headers.items() if name not in moving}, body


async def happened(world: World) -> None:
    """Two visits of Walt that look the same: on the second he used the duress PIN."""
    for visit_id in (ORDINARY, UNDER_DURESS):
        await world.planned(visit_id)
        await world.checked_in(visit_id)
    await world.duress(UNDER_DURESS)
    for visit_id in (ORDINARY, UNDER_DURESS):
        await world.checked_in(visit_id)


async def grant(world: World, worker_id: str, role: Role) -> None:
    """Give somebody a role at the site."""
    given = GrantGiven(site_id=SITE, worker_id=worker_id, role=role)
    await record(world.installation, "checkin", stream_of("grant", SITE), given, site_id=SITE)


@pytest.mark.parametrize("query", ["", "?format=text", "?format=json"])
async def test_the_worker_is_answered_the_same_bytes_under_duress_and_an_auditor_is_told_of_it(
    world: World, query: str
) -> None:
    await happened(world)
    without, with_it = [
        await world.get(f"/visits/{visit_id}/timeline{query}", by=WALT) for visit_id in (ORDINARY, UNDER_DURESS)
    ]
    assert with_it.status_code == 200
    assert seen(with_it) == seen(without)
    assert "duress" not in with_it.text.lower()
    await grant(world, SUE, Role.AUDITOR)
    assert "duress" in (await world.get(f"/visits/{UNDER_DURESS}/timeline{query}", by=SUE)).text


async def test_reading_it_again_tells_of_no_disclosure_though_each_is_recorded(world: World) -> None:
    await happened(world)
    path = f"/visits/{UNDER_DURESS}/timeline"
    await world.get(path, by=LIZ)
    first = await world.get(path, by=WALT)
    again = await world.get(path, by=WALT)
    assert seen(again) == seen(first)
    disclosed = await world.installation.history(stream_of("disclosure", UNDER_DURESS))
    assert [recorded.envelope.actor for recorded in disclosed] == [LIZ, WALT]
    own = [it.position for it in await world.installation.history(stream_of("visit", UNDER_DURESS))]
    assert disclosed[1].event == TimelineDisclosed(subject_id=UNDER_DURESS, to=WALT, through=own[-1])


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR])
async def test_a_worker_who_may_read_the_site_is_shown_their_own_view_of_their_own_visit(
    world: World, role: Role
) -> None:
    await happened(world)
    path = f"/visits/{UNDER_DURESS}/timeline"
    before = await world.get(path, by=WALT)
    await grant(world, WALT, role)
    assert seen(await world.get(path, by=WALT)) == seen(before)


async def test_their_own_view_counts_from_one_and_prints_like_every_other(world: World) -> None:
    await happened(world)
    told = (await world.get(f"/visits/{UNDER_DURESS}/timeline", by=WALT)).json()
    happened_lines = [line for line in told["lines"] if line["kind"] == "happened"]
    assert [(line["position"], line["what"]) for line in happened_lines] == [
        (1, "visit.planned.v1"),
        (2, "visit.check_in_recorded.v1"),
        (3, "visit.check_in_recorded.v1"),
    ]
    assert (told["summary"]["through"], told["summary"]["escalations"]) == (3, [])
    assert happened_lines[0]["details"]["place"] == PLACE
    assert timeline_text(told).startswith("Visit visit2: planned, worker Walt Alone, site north.\n")


async def test_somebody_else_without_a_role_is_refused(world: World) -> None:
    await happened(world)
    await withdraw(world.installation, SUE)
    assert (await world.get(f"/visits/{ORDINARY}/timeline", by=SUE)).status_code == 403
    assert (await world.get(f"/workers/{WALT}/timeline", by=SUE)).status_code == 403


async def test_a_plan_that_nobody_can_read_shows_nobody_the_whole_of_their_own_visit(world: World) -> None:
    await happened(world)
    await grant(world, WALT, Role.SUPERVISOR)
    async with world.installation.admin.transaction():
        await world.installation.admin.execute("SET LOCAL session_replication_role = replica")
        await world.installation.admin.execute(
            "UPDATE log.event SET record = 'nothing' WHERE stream_id = ANY ($1) AND version = 1",
            [stream_of("visit", visit_id) for visit_id in (ORDINARY, UNDER_DURESS)],
        )
    without, with_it = [
        await world.get(f"/visits/{visit_id}/timeline", by=WALT) for visit_id in (ORDINARY, UNDER_DURESS)
    ]
    assert (with_it.status_code, with_it.json()["code"]) == (404, "visit_unknown")
    assert seen(with_it) == seen(without)
    assert "duress" in (await world.get(f"/visits/{UNDER_DURESS}/timeline", by=LIZ)).text


async def test_duress_without_a_visit_changes_nothing_that_the_worker_reads_and_is_told_to_others(world: World) -> None:
    path = f"/workers/{WALT}/timeline"
    before = await world.get(path, by=WALT)
    signalled = WorkerDuressSignalled(worker_id=WALT, site_id=SITE, with_command="end_visit")
    await record(world.installation, "checkin", stream_of("worker", WALT), signalled, site_id=SITE)
    await world.escalated(WALT, stream_of("worker", WALT), visit_id=None)
    assert before.status_code == 200
    assert seen(await world.get(path, by=WALT)) == seen(before)
    told = (await world.get(path, by=LIZ)).json()
    assert "worker.duress_signalled.v1" in [line["what"] for line in told["lines"]]
    assert [line["outcome"] for line in told["lines"] if line["what"] == "escalation"] == ["met"]


async def test_the_list_gives_no_last_position_of_the_readers_own_visits(world: World) -> None:
    await happened(world)
    await grant(world, WALT, Role.SUPERVISOR)
    last = (await world.installation.history(visit_id=ORDINARY))[-1].position
    path = f"/visits?site_id={SITE}&at_least={last}"
    own, others = [(await world.get(path, by=who)).json()["visits"] for who in (WALT, LIZ)]
    assert [row["last_position"] for row in own] == [None, None]
    assert [row["last_position"] for row in others] == [
        (await world.installation.history(visit_id=visit_id))[-1].position for visit_id in (UNDER_DURESS, ORDINARY)
    ]
    assert [row | {"last_position": None} for row in others] == own
