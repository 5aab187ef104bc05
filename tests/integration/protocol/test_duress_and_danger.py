"""What the policies ask beside a missed check-in: code words, leaving early, help, emergencies, safeguarding, a break-in.

Each table is minutes after the trigger, what happened, who, and the clause that asked for it; "ours" where the text leaves
it open. What no file in policies/ holds yet stands in a small operator's policy, which cites the same clauses.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from deploy.doctor.people import ladders_reach_somebody
from deploy.doctor.target import Target
from tests.integration.protocol.conftest import Tell
from tests.support.protocol_policies import small_operator
from tests.support.protocol_story import Story
from tests.support.protocol_world import COMMENCE, CONTACT, MOBILE, STEPPING_STONES, WALT

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = {"challenge": "Have you fed the cat?", "all_well": "She is asleep", "duress": "Ring the vet"}


async def ends(story: Story, reason: str) -> None:
    """Let Walt end his visit for a reason that tells somebody."""
    await story.do(WALT, "POST", f"/checkin/visits/{story.visit_id}/end", {"reason": reason})
    await story.world.quiet()
    await story.opened()


async def calls_999(story: Story, who: str, key: str = "emergency_services", ladder_no: int = 1) -> str:
    """Let somebody say that they have called emergency services just now; return when."""
    now = (await story.world.installation.clock.now()).isoformat().replace("+00:00", "Z")
    await story.says(who, key, "called", ladder_no, called_at=now, reference="CAD 1234")
    return now


async def of_holder(story: Story, who: str, key: str) -> dict[str, Any]:
    """Return a task as whoever has taken it sees it."""
    return next(task for task in (await story.shown(who))["tasks"] if task["key"] == key)


@pytest.mark.requirement("M-03")
@pytest.mark.requirement("DU-01")
@pytest.mark.requirement("DU-02")
async def test_whoever_has_taken_the_call_sees_number_questions_and_code_words_and_nobody_else_does(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.takes("amy", "ring_mobile")
    held, seen = await of_holder(story, "amy", "ring_mobile"), await of_holder(story, "lena", "ring_mobile")
    assert [(one["who"], one["phone"]) for one in held["to_ring"]] == [("worker_mobile", MOBILE)]
    assert {name: held["code_words"][name] for name in WORDS} == WORDS
    assert {"to_ring", "code_words"} & seen.keys() == set()
    codes = [question["code"] for question in held["questions"]]
    assert codes[:2] == ["visit_over", "safe"]
    answers = dict.fromkeys(codes, "yes") | {"free_to_talk": "unclear"}
    await story.says("amy", "ring_mobile", "safe", answers=answers)
    assert (await story.task("ring_mobile"))["done"]["answers"] == answers
    assert await story.rows() == story.foretold()


@pytest.mark.requirement("M-06")
async def test_that_the_worker_has_left_is_not_taken_without_the_time_at_which_they_left(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.says("amy", "ring_mobile", "wrong_number")
    await story.minute(1)
    await story.takes("amy", "ring_contacts")
    held = await of_holder(story, "amy", "ring_contacts")
    assert [(one["who"], one["phone"]) for one in held["to_ring"]] == [("parent", CONTACT)]
    outcome = f"{story.escalation}/tasks/{held['task']}/outcome"
    assert await story.refused("amy", "POST", outcome, {"outcome": "left"}) == "fact_missing"
    now = await story.world.installation.clock.now()
    tomorrow = {"outcome": "left", "left_at": (now + timedelta(days=1)).isoformat()}
    assert await story.refused("amy", "POST", outcome, tomorrow) == "fact_in_the_future"
    left_at = (now - timedelta(minutes=40)).isoformat()
    await story.says("amy", "ring_contacts", "left", left_at=left_at)
    assert await story.rows() == story.foretold()


@pytest.mark.requirement("M-08")
@pytest.mark.requirement("M-09")
async def test_the_line_manager_sees_what_was_found_out_before_and_decides_what_is_fitting(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.says("amy", "ring_mobile", "wrong_number")
    await story.minute(1)
    await story.says("amy", "ring_contacts", "still_there", note="They say he is in the kitchen")
    await story.minute(2)
    await story.takes("lena", "line_manager")
    known = [(task["key"], task["done"]["outcome"]) for task in (await story.shown("lena"))["tasks"] if task["done"]]
    assert known == [("ring_mobile", "wrong_number"), ("ring_contacts", "still_there")]
    assert (await of_holder(story, "lena", "ring_contacts"))["done"]["note"] == "They say he is in the kitchen"
    await story.minute(3)
    await story.says("lena", "line_manager", "in_hand")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (0, "task_taken ring_mobile", "amy", "ours"),
        (0, "task_done ring_mobile wrong_number", "amy", "ours"),
        (0, "step_started ring_contacts", "amy operator", "S4-HV 3.15"),
        (1, "task_taken ring_contacts", "amy", "ours"),
        (1, "task_done ring_contacts still_there", "amy", "S4-HV 3.15"),
        (1, "step_started line_manager", "lena", "S4 7.8"),
        (2, "task_taken line_manager", "lena", "ours"),
        (3, "task_done line_manager in_hand", "lena", "S4 7.8"),
        (3, "acknowledged", "lena", "ours"),
    )


@pytest.mark.requirement("DU-03")
async def test_whoever_leaves_because_it_feels_threatening_is_rung_and_nobody_waits_for_a_check_in(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await ends(story, "threatened")
    await story.minute(0.5)
    await story.says("lena", "ring_worker", "safe")
    await story.is_told_as(
        (0, "opened unsafe", "", "S4-HV 1.8"),
        (0, "step_started ring_worker", "lena", "S4-HV 1.8"),
        (0.5, "task_taken ring_worker", "lena", "ours"),
        (0.5, "task_done ring_worker safe", "lena", "S4-HV 1.8"),
        (0.5, "resolved", "lena", ""),
    )


@pytest.mark.requirement("DU-06")
async def test_the_first_sign_of_danger_ends_the_visit_at_once_and_without_an_answer_help_is_called(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await ends(story, "unsafe")
    assert (await story.do(WALT, "GET", f"/checkin/visits/{story.visit_id}"))["status"] == "ended"
    await story.minute(1.5)
    await story.says("sol", "ring_worker", "no_answer")
    await story.minute(2)
    await calls_999(story, "lena")
    await story.is_told_as(
        (0, "opened unsafe", "", "S4-HV 1.8"),
        (0, "step_started ring_worker", "lena", "S4-HV 1.8"),
        (1, "task_passed_on ring_worker untaken", "sol", "ours"),
        (1.5, "task_taken ring_worker", "sol", "ours"),
        (1.5, "task_done ring_worker no_answer", "sol", "ours"),
        (1.5, "step_started emergency_services", "lena", "S4-HV 1.8"),
        (2, "task_taken emergency_services", "lena", "ours"),
        (2, "task_done emergency_services called", "lena", "ours"),
        (2, "acknowledged", "lena", "ours"),
    )


@pytest.mark.requirement("DU-04")
async def test_a_worker_who_cannot_cope_reaches_the_line_manager_and_then_emergency_services(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.asks_for_help()
    await story.minute(0.5)
    await story.says("lena", "line_manager", "emergency")
    await story.minute(1)
    await calls_999(story, "lena")
    await story.is_told_as(
        (0, "opened help", "", "S4 7.8"),
        (0, "step_started line_manager", "lena", "S4-HV 1.8"),
        (0.5, "task_taken line_manager", "lena", "ours"),
        (0.5, "task_done line_manager emergency", "lena", "ours"),
        (0.5, "step_started emergency_services", "lena", "S4-HV 1.8"),
        (1, "task_taken emergency_services", "lena", "ours"),
        (1, "task_done emergency_services called", "lena", "ours"),
        (1, "acknowledged", "lena", "ours"),
    )


@pytest.mark.requirement("DU-04")
@pytest.mark.requirement("EM-04")
async def test_a_call_for_help_reaches_head_of_provision_and_supervisor_at_once_and_then_the_dsl(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.asks_for_help()
    await story.minute(6.5)
    await story.says("dee", "emergency_services", "in_hand")
    await story.is_told_as(
        (0, "opened help", "", "S3 6.2"),
        (0, "step_started 1", "hana sam", "S3 6.2"),
        (5, "step_started emergency_services", "hana", "S3 6.2"),
        (6, "task_passed_on emergency_services untaken", "dee", "ours"),
        (6.5, "task_taken emergency_services", "dee", "ours"),
        (6.5, "task_done emergency_services in_hand", "dee", "S3 12"),
        (6.5, "acknowledged", "dee", "ours"),
    )


@pytest.mark.requirement("DU-05")
async def test_a_personal_alarm_that_is_carried_is_known_to_whoever_looks_for_the_worker(tell: Tell) -> None:
    story = await tell(COMMENCE, equipment=["personal_alarm"])
    await story.misses()
    visit = await story.do("amy", "GET", f"/checkin/visits/{story.visit_id}")
    assert visit["equipment"] == ["personal_alarm"]
    (planned,) = [
        recorded.envelope
        for recorded in await story.world.installation.history(visit_id=story.visit_id)
        if recorded.envelope.type == "visit.planned.v1"
    ]
    assert planned.data["equipment"] == ["personal_alarm"]


@pytest.mark.requirement("EM-01")
@pytest.mark.requirement("EM-02")
async def test_999_is_called_first_and_the_line_manager_and_the_senior_on_call_are_told_after_that(tell: Tell) -> None:
    story = await tell(STEPPING_STONES, rules=small_operator())
    await story.asks_for_help()
    await story.takes("sam", "emergency_services")
    prompt = (await of_holder(story, "sam", "emergency_services"))["read_out"]
    assert (prompt["who"], prompt["place"]) == ("Walt Byrne", "12 Mill Lane")
    assert ("trigger", "help") in [(one["kind"], one["what"]) for one in prompt["known"]]
    await story.minute(1)
    called_at = await calls_999(story, "sam")
    await story.minute(1.5)
    await story.is_told_as(
        (0, "opened help", "", "S0 8"),
        (0, "step_started emergency_services", "sam", "S0 8"),
        (0, "task_taken emergency_services", "sam", "ours"),
        (1, "task_done emergency_services called", "sam", "S2 Emergencies"),
        (1, "step_started line_manager", "hana sol", "S2 Emergencies"),
    )
    done = (await story.task("emergency_services"))["done"]
    assert (done["called_at"], done["reference"]) == (called_at, "CAD 1234")


@pytest.mark.requirement("EM-02")
async def test_where_nobody_says_that_999_was_called_the_line_manager_is_told_all_the_same(tell: Tell) -> None:
    story = await tell(STEPPING_STONES, rules=small_operator())
    await story.asks_for_help()
    await story.minute(6)
    await story.is_told_as(
        (0, "opened help", "", "S0 8"),
        (0, "step_started emergency_services", "sam", "S0 8"),
        (2, "task_passed_on emergency_services untaken", "sol", "ours"),
        (5, "step_started line_manager", "hana sol", "S2 Emergencies"),
    )


@pytest.mark.requirement("EM-03")
async def test_a_matter_of_safeguarding_goes_to_the_dsl_whatever_else_runs(tell: Tell) -> None:
    story = await tell(STEPPING_STONES, rules=small_operator())
    await story.misses()
    await story.minute(1)
    await story.reports("safeguarding")
    await story.minute(2)
    await story.takes("dee", "dsl", 2)
    await story.minute(6)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "ours"),
        (0, "step_started senior", "sol", "S0 7"),
        (1, "joined safeguarding", "", "S0 8"),
        (1, "step_started dsl", "dee", "S0 8"),
        (2, "task_taken dsl", "dee", "ours"),
        (4, "task_passed_on dsl unfinished", "dee", "ours"),
        (5, "exhausted 1", "dee hana operator sam sol", "ours"),
    )


@pytest.mark.requirement("EM-05")
@pytest.mark.requirement("DU-06")
async def test_a_session_that_is_stopped_because_it_is_unsafe_tells_those_concerned_at_once(tell: Tell) -> None:
    story = await tell(STEPPING_STONES, rules=small_operator())
    await ends(story, "unsafe")
    assert (await story.do("sam", "GET", f"/checkin/visits/{story.visit_id}"))["status"] == "ended"
    await story.is_told_as(
        (0, "opened unsafe", "", "S1 6"),
        (0, "step_started stakeholders", "hana sam", "S1 6"),
    )


@pytest.mark.requirement("EM-06")
async def test_a_suspected_break_in_calls_for_assistance_before_anybody_enters_or_any_visit_begins(tell: Tell) -> None:
    story = await tell(COMMENCE, visit=False)
    await story.reports("break_in")
    await story.minute(0.5)
    await story.takes("lena", "assist")
    await story.minute(1)
    await story.says("lena", "assist", "in_hand")
    await story.is_told_as(
        (0, "opened break_in", "", "S4 6.1.5"),
        (0, "step_started assist", "lena", "S4 6.1.5"),
        (0.5, "task_taken assist", "lena", "ours"),
        (1, "task_done assist in_hand", "lena", "S4 6.1.5"),
        (1, "acknowledged", "lena", "ours"),
    )


@pytest.mark.requirement("EM-07")
async def test_a_senior_leader_is_reached_at_whatever_hour_it_is_and_a_role_that_nobody_holds_is_named(
    tell: Tell,
) -> None:
    story = await tell(STEPPING_STONES, rules=small_operator(), visit=False)
    now = await story.world.installation.clock.now()
    await story.world.reach((now + timedelta(days=1)).replace(hour=2, minute=0))
    await story.visits()
    await story.misses()
    await story.is_told_as(
        (0, "opened check_in_missed", "", "ours"),
        (0, "step_started senior", "sol", "S0 7"),
    )
    arrived = [line for line in story.world.sink.arrivals if story.id_of("sol") in line["path"]]
    assert arrived, "whoever is the senior leader has it in hand within moments"
    target = Target({}, story.world.sink.path.parent)
    log = story.world.installation.admin
    of_site = [finding for finding in await ladders_reach_somebody(target, log) if story.site_id in finding.sentence]
    assert of_site == []
    for who in ("sol", "dee"):
        await story.withdraw(who)
    (finding,) = [one for one in await ladders_reach_somebody(target, log) if story.site_id in one.sentence]
    assert finding.code == "ladder_role_unheld"
    assert "is dsl, senior_leader, whom its ladders tell" in finding.sentence, "who is only given tasks counts too"
