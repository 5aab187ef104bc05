"""What Stepping Stones' policy (S3 6.2, 12) does when a worker fails to check in, a story per branch.

Each table is minutes after the missed check-in, what happened, who, and the clause that asked for it; "ours" where the text
leaves it open.
"""

from __future__ import annotations

import pytest

from tests.integration.protocol.conftest import Tell
from tests.support.protocol_world import STEPPING_STONES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.requirement("M-01")
@pytest.mark.requirement("M-02")
async def test_the_supervisor_rings_at_once_and_the_worker_is_safe(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(1 / 2)
    await story.says("sam", "supervisor_rings", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (0.5, "task_taken supervisor_rings", "sam", "ours"),
        (0.5, "task_done supervisor_rings safe", "sam", "S3 6.2"),
        (0.5, "resolved", "sam", ""),
    )


async def test_safe_at_the_second_call(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(1 / 2)
    await story.says("sam", "supervisor_rings", "no_answer")
    await story.minute(3)
    await story.says("sam", "supervisor_rings_again", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (0.5, "task_taken supervisor_rings", "sam", "ours"),
        (0.5, "task_done supervisor_rings no_answer", "sam", "S3 6.2"),
        (2.5, "step_started supervisor_rings_again", "sam", "S3 6.2"),
        (3, "task_taken supervisor_rings_again", "sam", "ours"),
        (3, "task_done supervisor_rings_again safe", "sam", "S3 6.2"),
        (3, "resolved", "sam", ""),
    )


async def test_the_code_word_stops_the_calls_and_the_head_of_provision_has_emergency_services_called(
    tell: Tell,
) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(1 / 2)
    await story.says("sam", "supervisor_rings", "code_word")
    await story.minute(1)
    now = (await story.world.installation.clock.now()).isoformat()
    await story.says("hana", "emergency_services", "called", 2, called_at=now, reference="CAD 77")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (0.5, "task_taken supervisor_rings", "sam", "ours"),
        (0.5, "task_done supervisor_rings code_word", "sam", "ours"),
        (0.5, "joined duress", "", "S3 6.2"),
        (0.5, "step_started emergency_services", "hana", "S3 6.2"),
        (1, "task_taken emergency_services", "hana", "ours"),
        (1, "task_done emergency_services called", "hana", "S3 12"),
        (1, "acknowledged", "hana", "ours"),
    )


@pytest.mark.requirement("M-10")
@pytest.mark.requirement("EM-01")
async def test_no_answer_anywhere_and_the_supervisor_sees_to_it_that_emergency_services_are_called(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(1 / 2)
    await story.says("sam", "supervisor_rings", "no_answer")
    await story.minute(3)
    await story.says("sam", "supervisor_rings_again", "no_answer")
    await story.minute(3.5)
    await story.takes("hana", "head_of_provision")
    await story.minute(5)
    await story.says("hana", "head_of_provision", "no_answer")
    await story.minute(5.5)
    now = (await story.world.installation.clock.now()).isoformat()
    await story.says("sam", "emergency_services", "called", called_at=now, reference="CAD 78")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (0.5, "task_taken supervisor_rings", "sam", "ours"),
        (0.5, "task_done supervisor_rings no_answer", "sam", "S3 6.2"),
        (2.5, "step_started supervisor_rings_again", "sam", "S3 6.2"),
        (3, "task_taken supervisor_rings_again", "sam", "ours"),
        (3, "task_done supervisor_rings_again no_answer", "sam", "S3 6.2"),
        (3, "step_started head_of_provision", "hana", "S3 12"),
        (3.5, "task_taken head_of_provision", "hana", "ours"),
        (5, "task_done head_of_provision no_answer", "hana", "S3 6.2"),
        (5, "step_started emergency_services", "sam", "S3 6.2"),
        (5.5, "task_taken emergency_services", "sam", "ours"),
        (5.5, "task_done emergency_services called", "sam", "S3 6.2"),
        (5.5, "acknowledged", "sam", "ours"),
    )


@pytest.mark.requirement("EM-04")
async def test_where_the_supervisor_is_absent_the_head_of_provision_rings(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(2)
    await story.says("hana", "supervisor_rings", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (1, "task_passed_on supervisor_rings untaken", "hana", "ours"),
        (2, "task_taken supervisor_rings", "hana", "ours"),
        (2, "task_done supervisor_rings safe", "hana", "S3 6.2"),
        (2, "resolved", "hana", ""),
    )


async def test_where_nobody_is_a_supervisor_any_more_the_head_of_provision_is_offered_it_at_once(tell: Tell) -> None:
    story = await tell(STEPPING_STONES, alone=True)
    await story.withdraw("sam")
    await story.misses()
    await story.minute(1 / 2)
    await story.says("hana", "supervisor_rings", "no_answer")
    await story.minute(4)
    await story.says("hana", "supervisor_rings_again", "safe")
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "hana", "S3 6.2"),
        (0.5, "task_taken supervisor_rings", "hana", "ours"),
        (0.5, "task_done supervisor_rings no_answer", "hana", "S3 6.2"),
        (2.5, "step_started supervisor_rings_again", "hana", "S3 6.2"),
        (4, "task_taken supervisor_rings_again", "hana", "ours"),
        (4, "task_done supervisor_rings_again safe", "hana", "S3 6.2"),
        (4, "resolved", "hana", ""),
    )


@pytest.mark.requirement("M-10")
@pytest.mark.requirement("EM-04")
async def test_where_everybody_is_absent_emergency_services_are_asked_for_and_it_never_ends(tell: Tell) -> None:
    story = await tell(STEPPING_STONES)
    await story.misses()
    await story.minute(26)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S3 6.2"),
        (0, "step_started supervisor_rings", "sam", "S3 6.2"),
        (1, "task_passed_on supervisor_rings untaken", "hana", "ours"),
        (3, "step_started supervisor_rings_again", "sam", "S3 6.2"),
        (4, "task_passed_on supervisor_rings_again untaken", "hana", "ours"),
        (6, "step_started head_of_provision", "hana", "S3 12"),
        (7, "task_passed_on head_of_provision untaken", "dee", "ours"),
        (10, "step_started emergency_services", "sam", "S3 6.2"),
        (11, "task_passed_on emergency_services untaken", "hana", "ours"),
        (12, "task_passed_on emergency_services untaken", "dee", "ours"),
        (15, "exhausted 1", "dee hana operator sam sol", "ours"),
        (20, "exhausted 2", "dee hana operator sam sol", "ours"),
        (25, "exhausted 3", "dee hana operator sam sol", "ours"),
    )
