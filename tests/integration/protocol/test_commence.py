"""What Commence's home-visit appendix (S4-HV 3.12 to 3.16) does when a worker does not ring, a story per branch.

Each table is minutes after the missed check-in, what happened, who, and the clause that asked for it; "ours" where the text
leaves it open. "operator" is the operator's own administrator, who is one at every site.
"""

from __future__ import annotations

import pytest

from tests.integration.protocol.conftest import Tell
from tests.support.protocol_world import COMMENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.requirement("M-03")
async def test_safe_at_the_first_call(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.takes("amy", "ring_mobile")
    await story.minute(2)
    await story.says("amy", "ring_mobile", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (2, "task_done ring_mobile safe", "amy", "S4-HV 3.12"),
        (2, "resolved", "amy", ""),
    )


@pytest.mark.requirement("M-05")
async def test_safe_at_the_second_call_5_minutes_after_the_first(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.says("amy", "ring_mobile_again", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (1, "task_done ring_mobile no_answer", "amy", "S4-HV 3.14"),
        (6, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
        (7, "task_taken ring_mobile_again", "amy", "ours"),
        (7, "task_done ring_mobile_again safe", "amy", "S4-HV 3.12"),
        (7, "resolved", "amy", ""),
    )


@pytest.mark.requirement("M-05")
async def test_the_same_by_the_page_behind_the_link_of_each_message(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    assert "No answer" in await story.presses("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.presses("amy", "ring_mobile_again", "safe")
    assert (await story.shown("sam"))["ended"]["how"] == "spoke_with_worker"
    assert await story.rows() == story.foretold()


@pytest.mark.requirement("M-04")
@pytest.mark.requirement("DU-01")
async def test_the_code_word_stops_every_call_and_has_emergency_services_called(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.takes("amy", "ring_mobile")
    await story.minute(2)
    await story.says("amy", "ring_mobile", "code_word")
    await story.minute(3.5)
    now = (await story.world.installation.clock.now()).isoformat()
    await story.says("sol", "emergency_services", "called", 2, called_at=now, reference="CAD 1234")
    await story.minute(13)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (2, "task_done ring_mobile code_word", "amy", "S4-HV 3.13"),
        (2, "joined duress", "", "S4-HV 3.13"),
        (2, "step_started emergency_services", "lena", "S4-HV 3.13"),
        (3, "task_passed_on emergency_services untaken", "sol", "ours"),
        (3.5, "task_taken emergency_services", "sol", "ours"),
        (3.5, "task_done emergency_services called", "sol", "ours"),
        (3.5, "acknowledged", "sol", "ours"),
    )


@pytest.mark.requirement("M-06")
@pytest.mark.requirement("M-07")
async def test_no_answer_and_the_contact_says_that_she_left_at_15_20(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.says("amy", "ring_mobile_again", "no_answer")
    await story.minute(8)
    await story.says("amy", "ring_contacts", "left", left_at="2026-11-23T15:20:00Z")
    await story.minute(9)
    await story.says("amy", "ring_home", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (1, "task_done ring_mobile no_answer", "amy", "S4-HV 3.14"),
        (6, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
        (7, "task_taken ring_mobile_again", "amy", "ours"),
        (7, "task_done ring_mobile_again no_answer", "amy", "S4-HV 3.15"),
        (7, "step_started ring_contacts", "amy operator", "S4-HV 3.15"),
        (8, "task_taken ring_contacts", "amy", "ours"),
        (8, "task_done ring_contacts left", "amy", "S4-HV 3.15"),
        (8, "step_started ring_home", "amy operator", "S4-HV 3.16"),
        (9, "task_taken ring_home", "amy", "ours"),
        (9, "task_done ring_home safe", "amy", "S4-HV 3.16"),
        (9, "resolved", "amy", ""),
    )
    assert (await story.task("ring_contacts"))["done"]["left_at"] == "2026-11-23T15:20:00Z"


@pytest.mark.requirement("M-07")
@pytest.mark.requirement("M-08")
@pytest.mark.requirement("M-09")
async def test_no_answer_anywhere_then_home_then_the_line_manager_then_emergency_services(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.says("amy", "ring_mobile_again", "no_answer")
    await story.minute(8)
    await story.says("amy", "ring_contacts", "no_answer")
    await story.minute(9)
    await story.says("amy", "ring_home", "no_answer")
    await story.minute(11)
    await story.takes("lena", "line_manager")
    await story.minute(14)
    await story.says("lena", "line_manager", "emergency")
    await story.minute(15)
    now = (await story.world.installation.clock.now()).isoformat()
    await story.says("lena", "emergency_services", "called", called_at=now, reference="CAD 1234")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (1, "task_done ring_mobile no_answer", "amy", "S4-HV 3.14"),
        (6, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
        (7, "task_taken ring_mobile_again", "amy", "ours"),
        (7, "task_done ring_mobile_again no_answer", "amy", "S4-HV 3.15"),
        (7, "step_started ring_contacts", "amy operator", "S4-HV 3.15"),
        (8, "task_taken ring_contacts", "amy", "ours"),
        (8, "task_done ring_contacts no_answer", "amy", "S4-HV 3.16"),
        (8, "step_started ring_home", "amy operator", "S4-HV 3.16"),
        (9, "task_taken ring_home", "amy", "ours"),
        (9, "task_done ring_home no_answer", "amy", "S4-HV 3.16"),
        (9, "step_started line_manager", "lena", "S4 7.8"),
        (11, "task_taken line_manager", "lena", "ours"),
        (14, "task_done line_manager emergency", "lena", "S4 7.8"),
        (14, "step_started emergency_services", "lena", "S4 7.8"),
        (15, "task_taken emergency_services", "lena", "ours"),
        (15, "task_done emergency_services called", "lena", "ours"),
        (15, "acknowledged", "lena", "ours"),
    )


async def test_where_the_administrator_is_absent_the_supervisor_rings_and_then_the_line_manager(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(3)
    await story.takes("sam", "ring_mobile")
    await story.minute(7)
    await story.says("lena", "ring_mobile", "no_answer")
    await story.minute(11)
    await story.says("lena", "ring_mobile_again", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (2, "task_passed_on ring_mobile untaken", "sam", "ours"),
        (3, "task_taken ring_mobile", "sam", "ours"),
        (6, "task_passed_on ring_mobile unfinished", "amy lena operator", "ours"),
        (7, "task_taken ring_mobile", "lena", "ours"),
        (7, "task_done ring_mobile no_answer", "lena", "S4-HV 3.14"),
        (10, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
        (11, "task_taken ring_mobile_again", "lena", "ours"),
        (11, "task_done ring_mobile_again safe", "lena", "S4-HV 3.12"),
        (11, "resolved", "lena", ""),
    )


@pytest.mark.requirement("M-08")
async def test_where_the_line_manager_is_absent_the_senior_leader_takes_it_further(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "concern")
    await story.minute(5)
    await story.says("sol", "line_manager", "in_hand")
    await story.minute(21)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (1, "task_taken ring_mobile", "amy", "ours"),
        (1, "task_done ring_mobile concern", "amy", "S4-HV 3.13"),
        (1, "step_started line_manager", "lena", "S4 7.8"),
        (4, "task_passed_on line_manager untaken", "sol", "ours"),
        (5, "task_taken line_manager", "sol", "ours"),
        (5, "task_done line_manager in_hand", "sol", "S4 7.8"),
        (5, "acknowledged", "sol", "ours"),
        (20, "acknowledgement_ran_out", "sol", "ours"),
        (20, "exhausted 1", "amy dee lena operator sam sol", "ours"),
    )


@pytest.mark.requirement("M-01")
@pytest.mark.requirement("M-09")
async def test_where_everybody_is_absent_every_step_comes_at_its_time_and_it_never_ends(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(46)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (2, "task_passed_on ring_mobile untaken", "sam", "ours"),
        (4, "task_passed_on ring_mobile untaken", "lena", "ours"),
        (10, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
        (12, "task_passed_on ring_mobile_again untaken", "sam", "ours"),
        (14, "task_passed_on ring_mobile_again untaken", "lena", "ours"),
        (15, "step_started ring_contacts", "amy operator", "S4-HV 3.15"),
        (17, "task_passed_on ring_contacts untaken", "sam", "ours"),
        (19, "task_passed_on ring_contacts untaken", "lena", "ours"),
        (20, "step_started ring_home", "amy operator", "S4-HV 3.16"),
        (22, "task_passed_on ring_home untaken", "sam", "ours"),
        (24, "task_passed_on ring_home untaken", "lena", "ours"),
        (25, "step_started line_manager", "lena", "S4 7.8"),
        (28, "task_passed_on line_manager untaken", "sol", "ours"),
        (35, "exhausted 1", "amy dee lena operator sam sol", "ours"),
        (40, "exhausted 2", "amy dee lena operator sam sol", "ours"),
        (45, "exhausted 3", "amy dee lena operator sam sol", "ours"),
    )
