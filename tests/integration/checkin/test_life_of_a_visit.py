"""A visit over HTTP from the plan to the end, and each refusal that the gate gives on the way."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.contracts.visits import VisitApproved
from tests.support.world import ANNA, ASSESSMENT, BEN, CARA, GRACE, HOME, INTERVAL, SITE, World
from tests.unit.checkin.examples import YES


@pytest.mark.requirement("CI-07")
@pytest.mark.requirement("PV-01")
async def test_a_visit_is_planned_approved_started_checked_in_extended_and_ended(world: World) -> None:
    response = await world.send(ANNA, "POST", "/visits", await world.plan_body())
    assert response.status_code == 201
    visit_id = response.json()["visit_id"]
    assert response.json()["status"] == "planned"
    assert (await world.done(BEN, "POST", f"/visits/{visit_id}/approval"))["status"] == "approved"
    started = await world.done(ANNA, "POST", f"/visits/{visit_id}/start", {"dynamic_assessment": YES})
    assert started["status"] == "started"
    assert datetime.fromisoformat(started["deadline_at"]) == datetime.fromisoformat(started["due_at"]) + GRACE
    checked_in = await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    assert checked_in["due_at"] > started["due_at"]
    later = (await world.installation.clock.now() + timedelta(hours=5)).isoformat()
    extended = await world.done(ANNA, "POST", f"/visits/{visit_id}/extensions", {"expected_end_at": later})
    assert extended["due_at"] > checked_in["due_at"]
    ended = await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
    assert (ended["status"], ended["due_at"]) == ("ended", None)
    assert await world.installation.types(visit_id=visit_id) == [
        "visit.planned.v1",
        "visit.approved.v1",
        "visit.started.v1",
        "visit.check_in_recorded.v1",
        "visit.extended.v1",
        "visit.ended.v1",
    ]
    assert await world.refused(ANNA, "POST", f"/visits/{visit_id}/check-ins") == (409, "visit_ended")


async def test_every_event_of_a_visit_carries_the_visit_the_site_and_who_did_it(world: World) -> None:
    visit_id = await world.started()
    history = await world.installation.history(visit_id=visit_id)
    assert [recorded.envelope.actor for recorded in history] == [ANNA, BEN, ANNA]
    assert {recorded.envelope.site_id for recorded in history} == {SITE}
    assert {recorded.envelope.stream_id for recorded in history} == {f"visit-{visit_id}"}


async def test_the_device_s_time_is_kept_as_a_claim_and_decides_nothing(world: World) -> None:
    visit_id = await world.started()
    claimed = await world.installation.clock.now() - timedelta(hours=9)
    answer = await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"occurred_at": claimed.isoformat()})
    [*_, recorded] = await world.installation.history(visit_id=visit_id)
    assert recorded.envelope.occurred_at == claimed
    due_at = datetime.fromisoformat(answer["due_at"])
    assert abs(due_at - recorded.recorded_at - INTERVAL) < timedelta(seconds=1)


async def test_a_visit_reads_as_its_events_say_with_its_place_opened(world: World) -> None:
    contact = {"relation": "relative", "name": "Aunt Canary", "phone": "07700 900123"}
    visit_id = await world.started(contacts=[contact])
    visit = await world.visit(visit_id)
    assert visit["place"] == HOME
    assert [{key: one[key] for key in contact} for one in visit["contacts"]] == [contact]
    assert (visit["worker_id"], visit["policy_version"], visit["decided_by"]) == (ANNA, 1, BEN)
    assert (visit["status"], visit["missed"], visit["calls_for_help"], visit["version"]) == ("started", False, 0, 3)


@pytest.mark.requirement("RA-03")
@pytest.mark.requirement("HV-08")
async def test_a_refused_or_cancelled_visit_does_not_start(world: World) -> None:
    refused, cancelled = await world.planned(), await world.planned()
    reason = {"reason": "not_alone", "note": "canary: the uncle is back"}
    assert (await world.done(BEN, "POST", f"/visits/{refused}/refusal", reason))["status"] == "refused"
    answer = await world.done(ANNA, "POST", f"/visits/{cancelled}/cancellation", {"reason": "child_ill"})
    assert answer["status"] == "cancelled"
    for visit_id in (refused, cancelled):
        start = {"dynamic_assessment": YES}
        assert await world.refused(ANNA, "POST", f"/visits/{visit_id}/start", start) == (409, "not_approved")


async def test_a_visit_that_started_is_not_cancelled(world: World) -> None:
    visit_id = await world.started()
    cancellation = {"reason": "child_ill"}
    path = f"/visits/{visit_id}/cancellation"
    assert await world.refused(ANNA, "POST", path, cancellation) == (409, "already_started")
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
    assert await world.refused(ANNA, "POST", path, cancellation) == (409, "visit_ended")


NOT_ASSESSED: list[tuple[dict[str, Any], str]] = [
    ({"assessment_id": None}, "no_assessment"),
    ({"assessment_id": "nowhere"}, "no_assessment"),
    ({"lasts": timedelta(days=400)}, "assessment_expired"),
]


async def test_a_visit_without_a_valid_assessment_is_not_approved(world: World) -> None:
    for changes, code in NOT_ASSESSED:
        visit_id = await world.planned(**changes)
        assert await world.refused(BEN, "POST", f"/visits/{visit_id}/approval") == (409, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outcome": "cannot_be_managed"}, "risk_cannot_be_managed"),
        ({"factors": ["person"]}, "assessment_incomplete"),
    ],
)
@pytest.mark.requirement("RA-11")
async def test_an_assessment_that_is_replaced_after_the_approval_still_stops_the_start(
    world: World, changes: dict[str, Any], code: str
) -> None:
    visit_id = await world.approved()
    assessment = {
        "assessment_id": ASSESSMENT,
        "site_id": SITE,
        "outcome": "acceptable",
        "factors": ["person", "location"],
    }
    await world.done(BEN, "POST", "/assessments", assessment | changes)
    start = {"dynamic_assessment": YES}
    assert await world.refused(ANNA, "POST", f"/visits/{visit_id}/start", start) == (409, code)


async def test_a_worker_records_an_assessment_and_replaces_none(world: World) -> None:
    visit_id = await world.approved()
    [*_, approved] = await world.installation.history(visit_id=visit_id)
    assert isinstance(approved.event, VisitApproved)
    assert approved.event.assessment_version == 1
    theirs = {"site_id": SITE, "outcome": "acceptable", "factors": ["person", "location"]}
    taken = theirs | {"assessment_id": ASSESSMENT}
    assert await world.refused(ANNA, "POST", "/assessments", taken) == (409, "not_a_responder")
    assert (await world.done(ANNA, "POST", "/assessments", theirs))["assessment_id"] != ASSESSMENT
    await world.done(BEN, "POST", "/assessments", taken)
    start = {"dynamic_assessment": YES}
    assert (await world.done(ANNA, "POST", f"/visits/{visit_id}/start", start))["status"] == "started"


async def test_an_assessment_was_made_by_people_who_are_known(world: World) -> None:
    body = {"site_id": SITE, "outcome": "acceptable", "factors": [], "assessed_by": [BEN, "nobody"]}
    assert await world.refused(BEN, "POST", "/assessments", body) == (404, "worker_unknown")
    await world.done(BEN, "POST", "/assessments", body | {"assessed_by": [BEN, CARA]})


async def test_an_approval_may_name_the_assessment_that_the_plan_left_out(world: World) -> None:
    visit_id = await world.planned(assessment_id=None)
    await world.done(BEN, "POST", f"/visits/{visit_id}/approval", {"assessment_id": ASSESSMENT})
    started = await world.done(ANNA, "POST", f"/visits/{visit_id}/start", {"dynamic_assessment": YES})
    assert started["status"] == "started"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"way_out_clear": True}, "dynamic_assessment_incomplete"),
        (YES | {"mood_calm": False}, "not_safe_to_start"),
    ],
)
@pytest.mark.requirement("RA-09")
async def test_a_visit_starts_only_when_every_question_is_answered_with_yes(
    world: World, answers: dict[str, bool], code: str
) -> None:
    visit_id = await world.approved()
    start = {"dynamic_assessment": answers}
    assert await world.refused(ANNA, "POST", f"/visits/{visit_id}/start", start) == (409, code)


async def test_nobody_approves_a_visit_of_their_own(world: World) -> None:
    body = await world.plan_body(worker_id=BEN)
    visit_id = (await world.done(BEN, "POST", "/visits", body))["visit_id"]
    assert await world.refused(BEN, "POST", f"/visits/{visit_id}/approval") == (409, "own_visit")


@pytest.mark.requirement("RO-09")
async def test_a_visit_keeps_the_policy_under_which_it_was_planned(world: World) -> None:
    first = await world.planned()
    policy = (await world.done(None, "GET", "/policies/policy1"))["policy"]
    policy["approval"]["roles"] = ["dsl"]
    assert (await world.done(None, "POST", "/policies", policy))["policy_version"] == 2
    second = await world.planned()
    assert (await world.done(BEN, "POST", f"/visits/{first}/approval"))["status"] == "approved"
    assert await world.refused(BEN, "POST", f"/visits/{second}/approval") == (409, "not_an_approver")


IMPOSSIBLE: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"worker_id": "nobody"}, (404, "worker_unknown")),
    ({"interval": "PT2H"}, (409, "interval_too_long")),
    ({"expected_end_at": "2026-01-01T00:00:00Z"}, (409, "ends_before_start")),
    ({"starts_at": "0001-01-01T00:00:00+14:00"}, (422, "invalid")),
    ({"starts_at": "2026-01-01T00:00:00"}, (422, "invalid")),
    ({"kind": "Home visit to Mrs Canary"}, (422, "invalid")),
    ({"colour": "red"}, (422, "invalid")),
]


async def test_a_plan_that_cannot_be_is_refused(world: World) -> None:
    for changes, expected in IMPOSSIBLE:
        assert await world.refused(BEN, "POST", "/visits", await world.plan_body(**changes)) == expected


async def test_whoever_has_nothing_to_do_with_a_visit_may_neither_read_nor_touch_it(world: World) -> None:
    visit_id = await world.started()
    assert await world.refused(CARA, "GET", f"/visits/{visit_id}") == (403, "forbidden")
    assert await world.refused(CARA, "POST", f"/visits/{visit_id}/approval") == (403, "forbidden")
    assert await world.refused(BEN, "POST", f"/visits/{visit_id}/check-ins") == (403, "forbidden")
    assert await world.refused(ANNA, "GET", "/visits", params={"site_id": SITE}) == (403, "forbidden")
    assert await world.refused(BEN, "GET", "/visits") == (403, "forbidden")
    assert await world.refused(CARA, "POST", "/visits", await world.plan_body(worker_id=CARA)) == (403, "forbidden")
    assert await world.refused(BEN, "GET", "/visits/nowhere") == (404, "visit_unknown")
    assert await world.refused(None, "GET", "/visits/nowhere", headers={"Authorization": "x"}) == (401, "no_identity")


async def test_the_list_shows_what_it_was_asked_to_wait_for_and_nothing_personal(world: World) -> None:
    planned, visit_id = await world.planned(), await world.started()
    answer = await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
    query = {"site_id": SITE, "at_least": answer["position"]}
    response = await world.send(BEN, "GET", "/visits", params=query)
    assert response.json()["reached"] is True
    shown = {row["visit_id"]: (row["status"], row["due_at"]) for row in response.json()["visits"]}
    assert shown == {planned: ("planned", None), visit_id: ("started", answer["due_at"])}
    assert "anary" not in response.text
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
    await world.installation.quiet()
    [row] = (await world.done(None, "GET", "/visits", params={"status": "ended"}))["visits"]
    assert (row["visit_id"], row["due_at"]) == (visit_id, None)
    assert (await world.done(CARA, "GET", "/visits", params={"site_id": "site2"}))["visits"] == []
