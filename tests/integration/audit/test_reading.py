"""Reading a timeline over HTTP: what is told, to whom, and that the reading is recorded first."""

import pytest

from services.audit import api, pages
from shared.contracts.accounts import TokenIssued
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.grants import GrantGiven
from shared.contracts.roles import PERMISSIONS, PUBLIC, Role
from tests.integration.audit.conftest import NOTE, PLACE, VISIT, World
from tests.support.history import LIZ, SITE, SUE, WALT, help_without_visit, record, withdraw

TIMELINE = f"/visits/{VISIT}/timeline"


async def happened(world: World) -> None:
    """A visit on which Walt asked for help, and Liz was told."""
    await world.planned()
    await world.help()
    await world.escalated(VISIT, f"visit-{VISIT}")


async def test_a_timeline_tells_what_every_service_recorded_with_the_names_of_the_people(world: World) -> None:
    await happened(world)
    response = await world.get(TIMELINE)
    told = response.json()
    assert response.status_code == 200
    assert [line["what"] for line in told["lines"] if line["kind"] == "happened"] == [
        "visit.planned.v1",
        "visit.help_requested.v1",
        "escalation.opened.v1",
        "escalation.step_started.v1",
        "notification.queued.v1",
        "notification.attempt_started.v1",
        "notification.attempt_accepted.v1",
    ]
    assert told["people"] == {LIZ: "Liz Line", WALT: "Walt Alone"}
    assert (told["summary"]["worker_id"], told["summary"]["site_id"]) == (WALT, SITE)
    expected = {line["what"]: line for line in told["lines"] if line["kind"] == "expected"}
    assert {what: line["outcome"] for what, line in expected.items()} == {
        "escalation": "met",
        "step": "open",
        "notification": "met",
    }
    assert expected["notification"]["clauses"] == ["N 3.1"]
    assert expected["notification"]["sentence"].startswith("Liz Line was to be told at once as line manager")
    (escalation,) = told["summary"]["escalations"]
    assert escalation["first_attempt_at"] is not None
    assert escalation["steps"][0]["told"] == [LIZ]


async def test_the_place_and_notes_are_opened_for_whoever_may_read_the_timeline(world: World) -> None:
    await happened(world)
    planned, asked, *_ = (await world.get(TIMELINE)).json()["lines"]
    assert planned["details"]["place"] == PLACE
    assert asked["details"]["note"] == NOTE


async def test_what_was_erased_is_told_as_erased_and_the_rest_stays(world: World) -> None:
    await happened(world)
    await world.erase(VISIT)
    await world.erase(WALT)
    told = (await world.get(TIMELINE)).json()
    assert told["lines"][0]["details"]["place"] == "(erased)"
    assert told["people"] == {LIZ: "Liz Line", WALT: "(erased)"}
    assert PLACE not in str(told)


@pytest.mark.parametrize(
    ("query", "accept"),
    [("?format=text", "*/*"), ("", "text/plain"), ("?format=text", "application/json")],
)
async def test_the_same_comes_as_text(world: World, query: str, accept: str) -> None:
    await happened(world)
    response = await world.get(TIMELINE + query, Accept=accept)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("Visit visit1: planned, worker Walt Alone, site north.\n")
    assert f"Note: {NOTE}." in " ".join(response.text.split())


async def test_json_asked_for_by_name_comes_as_json_whatever_is_accepted(world: World) -> None:
    await world.planned()
    response = await world.get(f"{TIMELINE}?format=json", Accept="text/plain")
    assert response.json()["visit_id"] == VISIT


async def test_a_reading_is_recorded_with_its_extent_as_an_event_of_the_visit(world: World) -> None:
    await happened(world)
    told = (await world.get(TIMELINE)).json()
    (disclosed,) = await world.installation.history(f"disclosure-{VISIT}")
    assert disclosed.event == TimelineDisclosed(subject_id=VISIT, to=LIZ, through=told["summary"]["through"])
    assert told["summary"]["through"] == max(line["position"] or 0 for line in told["lines"]) < disclosed.position
    assert (disclosed.envelope.visit_id, disclosed.envelope.site_id) == (VISIT, SITE)
    assert disclosed.envelope.actor == LIZ


async def test_the_same_person_reading_the_same_is_recorded_once_and_again_when_more_has_happened(world: World) -> None:
    await happened(world)
    await world.get(TIMELINE)
    again = (await world.get(TIMELINE)).json()
    assert len(await world.installation.history(f"disclosure-{VISIT}")) == 1
    assert "disclosure.timeline_disclosed.v1" in [line["what"] for line in again["lines"]]
    await world.help()
    await world.get(TIMELINE)
    await world.get(TIMELINE, by=SUE)
    recorded = await world.installation.history(f"disclosure-{VISIT}")
    assert [recorded.envelope.actor for recorded in recorded] == [LIZ, LIZ, SUE]


async def spoilt(world: World, stream_id: str, type_: str) -> int:
    """Let the record of a type in a stream be what nobody can read; return its position."""
    admin = world.installation.admin
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        spoil = "UPDATE log.event SET record = 'nothing' WHERE stream_id = $1 AND type = $2 RETURNING position"
        position: int = await admin.fetchval(spoil, stream_id, type_)
    return position


async def test_a_visit_whose_plan_nobody_can_read_is_told_from_its_escalation_to_whoever_may_read_the_site(
    world: World,
) -> None:
    await happened(world)
    position = await spoilt(world, f"visit-{VISIT}", "visit.planned.v1")
    told = (await world.get(TIMELINE)).json()
    assert told["unreadable"] == [position]
    assert [line["what"] for line in told["lines"] if line["kind"] == "happened"][:2] == [
        "visit.help_requested.v1",
        "escalation.opened.v1",
    ]
    assert (await world.get(TIMELINE, by=WALT)).status_code == 404, "of what is theirs nothing can be read"
    (disclosed,) = await world.installation.history(f"disclosure-{VISIT}")
    assert (disclosed.envelope.actor, disclosed.envelope.site_id) == (LIZ, SITE)


async def test_the_text_says_first_that_something_is_missing_and_which_records(world: World) -> None:
    await happened(world)
    position = await spoilt(world, f"visit-{VISIT}", "visit.help_requested.v1")
    text = (await world.get(f"{TIMELINE}?format=text")).text
    head, _, _ = text.partition("\n\n")
    assert f"NOT ALL OF IT CAN BE READ: what records #{position} say is missing" in " ".join(head.split())


async def test_a_visit_of_which_nobody_can_read_whose_it_is_is_told_to_nobody(world: World) -> None:
    await world.planned()
    await spoilt(world, f"visit-{VISIT}", "visit.planned.v1")
    response = await world.get(TIMELINE)
    assert (response.status_code, response.json()["code"]) == (404, "visit_unknown")


async def test_help_of_a_worker_whose_registration_nobody_can_read_is_told_all_the_same(world: World) -> None:
    await help_without_visit(world.installation)
    position = await spoilt(world, stream_of("worker", WALT), "worker.registered.v1")
    told = (await world.get(f"/workers/{WALT}/timeline")).json()
    assert [line["what"] for line in told["lines"] if line["kind"] == "happened"] == ["worker.help_requested.v1"]
    assert told["unreadable"] == [position]


async def test_an_unknown_visit_is_not_found_and_nothing_is_recorded(world: World) -> None:
    response = await world.get("/visits/nowhere/timeline")
    assert (response.status_code, response.json()["code"]) == (404, "visit_unknown")
    assert await world.installation.history("disclosure-nowhere") == []


async def test_whoever_has_no_role_to_read_is_refused_and_nothing_is_recorded(world: World) -> None:
    await happened(world)
    await withdraw(world.installation, SUE)
    assert (await world.get(TIMELINE, by=SUE)).status_code == 403
    assert await world.installation.history(f"disclosure-{VISIT}") == []


async def test_a_supervisor_of_another_site_only_is_refused(world: World) -> None:
    await happened(world)
    await withdraw(world.installation, SUE)
    elsewhere = GrantGiven(site_id="south", worker_id=SUE, role=Role.SUPERVISOR)
    await record(world.installation, "checkin", "grant-south", elsewhere, site_id="south")
    assert (await world.get(TIMELINE, by=SUE)).status_code == 403


async def test_an_auditor_of_the_operator_may_read_every_site(world: World) -> None:
    await happened(world)
    await withdraw(world.installation, SUE)
    auditor = GrantGiven(site_id=OPERATOR_SITE, worker_id=SUE, role=Role.AUDITOR)
    await record(world.installation, "checkin", f"grant-{OPERATOR_SITE}", auditor, site_id=OPERATOR_SITE)
    assert (await world.get(TIMELINE, by=SUE)).status_code == 200


async def test_without_a_token_nothing_is_told(world: World) -> None:
    await world.planned()
    assert (await world.client.get(f"/audit{TIMELINE}")).status_code == 401


async def test_help_without_a_visit_is_told_by_worker_with_what_it_led_to(world: World) -> None:
    issued = TokenIssued(worker_id=WALT, token_id="t2")
    await record(world.installation, "checkin", stream_of("worker", WALT), issued, site_id=SITE)
    await help_without_visit(world.installation)
    await world.escalated(WALT, f"worker-{WALT}", visit_id=None)
    told = (await world.get(f"/workers/{WALT}/timeline")).json()
    assert told["worker_id"] == WALT
    assert [line["what"] for line in told["lines"] if line["kind"] == "happened"] == [
        "worker.help_requested.v1",
        "escalation.opened.v1",
        "escalation.step_started.v1",
        "notification.queued.v1",
        "notification.attempt_started.v1",
        "notification.attempt_accepted.v1",
    ]
    (disclosed,) = await world.installation.history(f"disclosure-{WALT}")
    assert disclosed.envelope.visit_id is None
    assert disclosed.event.model_dump()["through"] == told["summary"]["through"]


async def test_a_worker_timeline_shows_nothing_of_visits_and_is_refused_like_them(world: World) -> None:
    await happened(world)
    told = (await world.get(f"/workers/{WALT}/timeline")).json()
    assert told["lines"] == []
    text = (await world.get(f"/workers/{WALT}/timeline?format=text")).text
    assert text.startswith("Worker Walt Alone, without a visit.\n")
    await withdraw(world.installation, SUE)
    assert (await world.get(f"/workers/{WALT}/timeline", by=SUE)).status_code == 403
    unknown = await world.get("/workers/nobody/timeline")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "worker_unknown")


async def test_the_list_gives_each_visit_of_the_site_with_its_first_and_last_position(world: World) -> None:
    await happened(world)
    await world.planned("visit2")
    first, second = [
        [recorded.position for recorded in await world.installation.history(visit_id=visit_id)]
        for visit_id in (VISIT, "visit2")
    ]
    listed = (await world.get(f"/visits?site_id={SITE}&at_least={second[-1]}")).json()["visits"]
    assert listed == [
        {"visit_id": "visit2", "site_id": SITE, "first_position": second[0], "last_position": second[-1]},
        {"visit_id": VISIT, "site_id": SITE, "first_position": first[0], "last_position": first[-1]},
    ]
    older = (await world.get(f"/visits?site_id={SITE}&before={second[0]}")).json()["visits"]
    assert [row["visit_id"] for row in older] == [VISIT]


async def test_the_list_of_a_site_is_refused_to_whoever_has_no_role_there(world: World) -> None:
    assert (await world.get("/visits?site_id=south")).status_code == 403
    assert (await world.get(f"/visits?site_id={SITE}", by=WALT)).status_code == 403
    assert (await world.get("/visits")).status_code == 422


async def test_the_start_page_tells_how_to_read_a_timeline_and_needs_no_token(world: World) -> None:
    response = await world.client.get("/audit/")
    assert response.status_code == 200
    assert "<caption>" in response.text
    assert "<script" not in response.text


def test_every_address_is_an_operation_of_the_table_or_public() -> None:
    names = {getattr(route, "name", None) for route in (*api.router.routes, *pages.router.routes)}
    assert names == {"read_timeline", "index"}
    assert "read_timeline" in PERMISSIONS
    assert "index" in PUBLIC
