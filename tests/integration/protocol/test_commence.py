"""What Commence's home-visit appendix (S4-HV 3.12 to 3.16) does when a worker does not ring, a story per branch.

Each table is minutes after the missed check-in, what happened, who, and the clause that asked for it; "ours" where the text
leaves it open. "operator" is the operator's own administrator, who is one at every site.
"""

from __future__ import annotations

import pytest

from tests.integration.protocol.conftest import Tell
from tests.support.protocol_world import COMMENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_safe_at_the_first_call(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.takes("amy", "ring_mobile")
    await story.minute(2)
    await story.says("amy", "ring_mobile", "safe")
    await story.is_told_as()


async def test_safe_at_the_second_call_5_minutes_after_the_first(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.says("amy", "ring_mobile_again", "safe")
    await story.is_told_as()


async def test_the_code_word_stops_every_call_and_has_emergency_services_called(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.takes("amy", "ring_mobile")
    await story.minute(2)
    await story.says("amy", "ring_mobile", "code_word")
    await story.minute(4)
    now = (await story.world.installation.clock.now()).isoformat()
    await story.says("sol", "emergency_services", "called", 2, called_at=now, reference="CAD 1234")
    await story.minute(13)
    await story.is_told_as()


async def test_no_answer_and_the_contact_says_that_she_left_at_15_20(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(7)
    await story.says("amy", "ring_mobile_again", "no_answer")
    await story.minute(9)
    await story.says("amy", "ring_contacts", "left", left_at="2026-11-23T15:20:00Z")
    await story.minute(11)
    await story.says("amy", "ring_home", "safe")
    await story.is_told_as()
    assert (await story.task("ring_contacts"))["done"]["left_at"] == "2026-11-23T15:20:00Z"


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
    await story.is_told_as()


async def test_where_the_administrator_is_absent_the_supervisor_rings_and_then_the_line_manager(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(3)
    await story.takes("sam", "ring_mobile")
    await story.minute(7)
    await story.says("lena", "ring_mobile", "no_answer")
    await story.minute(11)
    await story.says("lena", "ring_mobile_again", "safe")
    await story.is_told_as()


async def test_where_the_line_manager_is_absent_the_senior_leader_takes_it_further(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.says("amy", "ring_mobile", "concern")
    await story.minute(5)
    await story.says("sol", "line_manager", "in_hand")
    await story.minute(21)
    await story.is_told_as()


async def test_where_everybody_is_absent_every_step_comes_at_its_time_and_it_never_ends(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(56)
    await story.is_told_as()
