"""Stories of visits, told in real time on a whole Lonewatch: real processes, real clocks, spans of seconds."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.support.live_world import ADA, DEE, HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import mails_to, press, reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISSED = "visit.check_in_missed.v1"
ACKNOWLEDGED = "escalation.acknowledged.v1"
RESOLVED = "escalation.resolved.v1"
RESUMED = "visit.watch_resumed.v1"


def story_of(timeline: dict[str, Any]) -> list[str]:
    """Return what happened to the visit and its escalation, without what became of each message."""
    happened = (line["what"] for line in timeline["lines"] if line["kind"] == "happened")
    return [what for what in happened if what.startswith(("visit.", "escalation."))]


def outcomes(timeline: dict[str, Any], what: str) -> list[str]:
    return [line["outcome"] for line in timeline["lines"] if line["kind"] == "expected" and line["what"] == what]


@pytest.mark.requirement("M-01")
@pytest.mark.requirement("M-02")
@pytest.mark.requirement("EM-04")
@pytest.mark.requirement("RO-05")
async def test_a_missed_check_in_reaches_the_head_and_everyone_learns_that_the_worker_is_safe(world: LiveWorld) -> None:
    await world.adopt(policy(waits=(seconds(1.5), seconds(30))))
    visit = await world.plan()
    await world.approve(visit)
    await world.start(visit)
    missed = await world.happened(visit, MISSED)
    assert missed.data["missed_at"] <= missed.data["detected_at"]

    sam = await world.is_told(visit, SAM)  # who stays silent
    hana = await world.is_told(visit, HANA)
    assert sam.at < hana.at
    assert "You have taken it" in await press(hana.data["link"], "acknowledge")
    await world.happened(visit, ACKNOWLEDGED)
    assert await world.facts(visit, RESUMED) == []
    await press(hana.data["link"], "resolve", how="spoke_with_worker", confirmed="yes")

    await world.happened(visit, RESUMED)
    await world.check_in(visit)
    await world.end(visit)
    for who in (SAM, HANA):
        await world.is_told(visit, who, "all_clear")
    assert [(one.who, one.kind) for one in world.told(visit)][:2] == [(SAM, "step"), (HANA, "step")]
    assert not [one for one in world.told(visit) if one.who == DEE]

    timeline = await world.timeline(visit)
    assert [what for what in story_of(timeline) if what != "visit.reminder_due.v1"] == [
        "visit.planned.v1",
        "visit.approved.v1",
        "visit.started.v1",
        MISSED,
        "escalation.opened.v1",
        "escalation.step_started.v1",
        "escalation.step_started.v1",
        ACKNOWLEDGED,
        RESOLVED,
        RESUMED,
        "visit.check_in_recorded.v1",
        "visit.ended.v1",
    ]
    assert timeline["summary"]["status"] == "ended"
    assert outcomes(timeline, "check_in")[0] == "missed"
    escalation = timeline["summary"]["escalations"][0]
    assert [step["told"] for step in escalation["steps"]] == [[world.id_of(SAM)], [world.id_of(HANA)]]
    assert escalation["acknowledged_by"] == world.id_of(HANA)


async def test_the_timeline_is_told_as_text_too_with_the_clauses_and_the_names(world: LiveWorld) -> None:
    visit = await world.start_visit()
    await world.check_in(visit)
    await world.end(visit)
    headers = world.people[HANA].client.headers
    async with httpx2.AsyncClient(base_url=world.live.url, headers=headers, timeout=20, trust_env=False) as desk:
        text = (await desk.get(f"/audit/visits/{visit}/timeline", params={"format": "text"})).text
    assert f"Visit {visit}: ended, worker Ada Byrne" in " ".join(text.split())
    assert "S3 6.1" in text
    assert "expected met" in text
    assert "MISSED" not in text


@pytest.mark.requirement("DU-04")
@pytest.mark.requirement("EM-04")
@pytest.mark.requirement("RO-03")
async def test_a_call_for_help_tells_head_and_supervisor_at_once_and_a_signed_reply_takes_it(world: LiveWorld) -> None:
    await world.adopt(policy(waits=(seconds(30),)))
    visit = await world.start_visit()
    await world.do(ADA, "ask_for_help", visit, "help", note="the situation is out of hand")
    called = await world.happened(visit, "visit.help_requested.v1")
    told = [await world.is_told(visit, who) for who in (HANA, SAM)]
    assert max(one.at for one in told) - called.recorded_at < seconds(3)

    await reply(told[1])
    taken = await world.happened(visit, ACKNOWLEDGED)
    assert (taken.data["by"], taken.data["via"]) == (world.id_of(SAM), "reply")
    escalation = f"/escalation/escalations/{taken.data['escalation_id']}"
    safe = {"confirmed_by": world.id_of(SAM), "how": "met_in_person"}
    assert (await world.answer(SAM, "resolve", f"{escalation}/resolution", safe, visit)).is_success
    await world.is_told(visit, HANA, "all_clear")
    await world.end(visit)
    assert await world.facts(visit, RESUMED) == [], "no miss had stopped the watch: its deadline stayed"
    assert (await world.timeline(visit))["summary"]["escalations"][0]["trigger"] == "help"


@pytest.mark.requirement("CI-05")
async def test_an_extension_counts_as_a_check_in_and_moves_the_deadline(world: LiveWorld) -> None:
    visit = await world.start_visit(interval=seconds(2))
    first_due_at = (await world.visit(visit))["due_at"]
    mail = mails_to(world.live.mail, world.id_of(ADA))
    assert mail == []
    await world.happened(visit, "visit.reminder_due.v1")
    later = (await world.happened(visit, "visit.started.v1")).recorded_at + seconds(7200)
    await world.do(ADA, "extend_visit", visit, "extensions", expected_end_at=later.isoformat())
    extended = await world.happened(visit, "visit.extended.v1")
    assert extended.data["due_at"] > first_due_at
    await world.happened(visit, "visit.reminder_due.v1", times=3)  # at the new time: past the first one and its grace
    await world.check_in(visit)
    await world.end(visit)
    assert await world.facts(visit, MISSED) == []
    assert world.told(visit) == []
    assert mails_to(world.live.mail, world.id_of(ADA)) != []


@pytest.mark.requirement("PL-01")
@pytest.mark.requirement("RA-01")
async def test_without_an_assessment_no_visit_is_approved_and_without_approval_none_starts(world: LiveWorld) -> None:
    visit = await world.plan(assessment_id=None)
    approval = await world.answer(HANA, "approve_visit", f"/checkin/visits/{visit}/approval", {}, visit)
    assert (approval.status_code, approval.json()["code"]) == (409, "no_assessment")
    answers = dict.fromkeys(world.policy.gate.dynamic_questions, True)
    body = {"dynamic_assessment": answers}
    start = await world.answer(ADA, "start_visit", f"/checkin/visits/{visit}/start", body, visit)
    assert (start.status_code, start.json()["code"]) == (409, "not_approved")
    assert (await world.visit(visit))["status"] == "planned"


async def test_where_nobody_answers_everyone_is_told_again_and_again_until_somebody_does(world: LiveWorld) -> None:
    await world.adopt(policy(interval=seconds(1), waits=(seconds(0.5),), repeats=seconds(1)))
    visit = await world.start_visit()
    for who in (SAM, HANA, DEE):
        await world.is_told(visit, who, "exhausted", times=2)
    rounds = await world.facts(visit, "escalation.exhausted.v1")
    assert [fact.data["round"] for fact in rounds[:2]] == [1, 2]

    dee = await world.is_told(visit, DEE, "exhausted")
    await press(dee.data["link"], "acknowledge")
    taken = await world.happened(visit, ACKNOWLEDGED)
    await press(dee.data["link"], "stand_down", reason="forgot_to_check_in")
    await world.happened(visit, RESUMED)
    await world.end(visit)
    assert [
        fact for fact in await world.facts(visit, "escalation.exhausted.v1") if fact.position > taken.position
    ] == []


async def test_an_acknowledgement_that_runs_out_alarms_again(world: LiveWorld) -> None:
    await world.adopt(policy(interval=seconds(1), waits=(seconds(1.5),), lasts=seconds(1.5)))
    visit = await world.start_visit()
    sam = await world.is_told(visit, SAM)
    await press(sam.data["link"], "acknowledge")
    await world.is_told(visit, SAM, "ran_out")
    await world.is_told(visit, HANA, "step")
    await press(sam.data["link"], "resolve", how="spoke_with_worker", confirmed="yes")
    await world.happened(visit, RESUMED)
    await world.end(visit)
    assert [(one.who, one.kind) for one in world.told(visit)][:2] == [(SAM, "step"), (SAM, "ran_out")]
