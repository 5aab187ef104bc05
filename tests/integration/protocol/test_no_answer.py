"""The outcome "no answer" recorded late, early, twice, by two people at once, after a resolve, and after a check-in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import httpx2
import pytest

from shared.contracts.tasks import TaskDone
from tests.integration.protocol.conftest import Tell
from tests.support.campaign import size
from tests.support.protocol_story import Story
from tests.support.protocol_world import COMMENCE, MOMENT, WALT

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_ANSWER = {"outcome": "no_answer"}

RACES = size(8, 40)
"""Visits on which two people say something at the same instant."""


def code(response: httpx2.Response) -> str:
    """Return with which code it was refused; nothing where it was not."""
    return "" if response.is_success else str(response.json()["code"])


async def done(story: Story) -> list[tuple[int, str, bool]]:
    """Return which tasks are done: step, outcome, whether late."""
    events = [recorded.event for recorded in await story.history()]
    return [(event.step, event.outcome, event.late) for event in events if isinstance(event, TaskDone)]


async def starts(story: Story) -> dict[int, float]:
    """Return at which half minute each step has started, by its number."""
    return {row.step: row.at / 60 for row in await story.rows() if row.what == "step"}


async def test_early_it_counts_as_whoever_said_it_having_taken_the_task(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    assert code(await story.act("sam", "outcome", "ring_mobile", NO_ANSWER)) == ""
    await story.minute(6)
    await story.is_told_as(
        (0, "opened check_in_missed", "", "S4 7.8"),
        (0, "step_started ring_mobile", "amy operator", "S4-HV 3.12"),
        (0, "task_taken ring_mobile", "sam", "ours"),
        (0, "task_done ring_mobile no_answer", "sam", "S4-HV 3.14"),
        (5, "step_started ring_mobile_again", "amy operator", "S4-HV 3.13"),
    )


async def test_of_a_step_that_has_not_started_there_is_nothing_to_say_yet(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    not_yet = f"{story.escalation}/tasks/1-2/outcome"
    assert await story.refused("amy", "POST", not_yet, NO_ANSWER) == "task_unknown"
    assert await done(story) == []


async def test_late_in_its_own_time_it_never_puts_the_second_call_off(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(8)
    await story.says("lena", "ring_mobile", "no_answer")
    await story.minute(10.5)
    assert await starts(story) == {1: 0, 2: 10}, (
        "5 minutes after the first call would be 13: never later than the timeout"
    )
    assert await story.rows() == story.foretold()


async def test_late_when_the_ladder_has_gone_on_it_is_recorded_as_late_and_changes_no_time(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(11)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(15.5)
    assert await done(story) == [(1, "no_answer", True)]
    assert await starts(story) == {1: 0, 2: 10, 3: 15}
    assert await story.rows() == story.foretold()


async def test_said_twice_by_the_same_person_it_is_one_fact_and_another_outcome_is_refused(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    answers = [await story.act("amy", "outcome", "ring_mobile", NO_ANSWER) for _ in range(2)]
    assert [code(one) for one in answers] == ["", ""]
    assert code(await story.act("amy", "outcome", "ring_mobile", {"outcome": "safe"})) == "task_done"
    await story.minute(6.5)
    assert await done(story) == [(1, "no_answer", False)]
    assert await starts(story) == {1: 0, 2: 6}
    assert await story.rows() == story.foretold()


async def test_two_people_at_the_same_instant_do_not_both_hold_it_and_what_both_say_is_one_fact(tell: Tell) -> None:
    stories = await all_missed(tell)
    for story, codes in zip(stories, await at_once(stories, both_take), strict=True):
        assert sorted(codes) == ["", "task_taken"]
        holder = ("amy", "sam")[codes.index("")]
        assert (await story.task("ring_mobile"))["holder"] == story.id_of(holder)
        await story.do(holder, "POST", f"{story.escalation}/tasks/1-1/return", {})
    for story, codes in zip(stories, await at_once(stories, both_say_no_answer), strict=True):
        assert sorted(codes) == ["", "task_done"]
        assert await done(story) == [(1, "no_answer", False)]


async def test_safe_or_a_code_word_at_the_same_instant_as_no_answer(tell: Tell) -> None:
    stories = await all_missed(tell)
    half = len(stories) // 2
    for story, codes in zip(stories[:half], await at_once(stories[:half], safe_or_no_answer), strict=True):
        assert sorted(codes) in (["", "task_done"], ["", "not_open"]), "one of the two, and never both"
        ((_, outcome, _),) = await done(story)
        assert (outcome == "safe") == ((await story.shown("sol"))["ended"] is not None)
    for story, codes in zip(stories[half:], await at_once(stories[half:], code_word_or_no_answer), strict=True):
        assert codes[1] == "", "a code word is never lost"
        assert [one["trigger"] for one in (await story.shown("sol"))["triggers"]] == ["check_in_missed", "duress"]
        assert len(await done(story)) == 1


async def test_after_a_resolve_it_is_refused_and_a_code_word_still_alarms(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    task = f"{story.escalation}/tasks/1-1/outcome"
    safe = {"confirmed_by": story.id_of("sam"), "how": "met_in_person"}
    await story.do("sam", "POST", f"{story.escalation}/resolution", safe)
    before = len(await story.history())
    assert await story.refused("amy", "POST", task, NO_ANSWER) == "not_open"
    assert len(await story.history()) == before
    await story.do("amy", "POST", task, {"outcome": "code_word"})
    await story.opened()
    assert (story.escalation_id, story.trigger) == (f"{story.visit_id}.2", "duress")


async def test_after_the_worker_checked_in_it_counts_as_before_for_a_late_check_in_closes_nothing(tell: Tell) -> None:
    story = await tell(COMMENCE)
    await story.misses()
    await story.minute(1)
    await story.do(WALT, "POST", f"/checkin/visits/{story.visit_id}/check-ins")
    await story.minute(3)
    await story.says("amy", "ring_mobile", "no_answer")
    await story.minute(8.5)
    assert await done(story) == [(1, "no_answer", False)]
    assert await starts(story) == {1: 0, 2: 8}
    assert "visit.late_check_in_recorded.v1" in await story.world.installation.types(visit_id=story.visit_id)
    assert await story.rows() == story.foretold()


async def all_missed(tell: Tell) -> list[Story]:
    """Return visits whose check-ins were all missed."""
    stories = [await tell(COMMENCE) for _ in range(RACES)]
    world = stories[0].world
    visits = [await world.done("GET", f"/checkin/visits/{story.visit_id}") for story in stories]
    last = max(datetime.fromisoformat(visit["deadline_at"]) for visit in visits)
    await world.forward_to(last + MOMENT)
    await world.quiet()
    for story in stories:
        await story.opened()
    return stories


async def at_once(stories: list[Story], act: Callable[[Story], Awaitable[list[str]]]) -> list[list[str]]:
    """Let the same happen in every story at once; return with which codes each was refused."""
    return await asyncio.gather(*map(act, stories))


async def both_take(story: Story) -> list[str]:
    """Let Amy and Sam take the first call at the same instant; return with which codes they were refused."""
    return await _both(story, "taking", {}, {})


async def both_say_no_answer(story: Story) -> list[str]:
    """Let both say that nobody answered."""
    return await _both(story, "outcome", NO_ANSWER, NO_ANSWER)


async def safe_or_no_answer(story: Story) -> list[str]:
    """Let one say that nobody answered, and one that the worker is safe."""
    return await _both(story, "outcome", NO_ANSWER, {"outcome": "safe"})


async def code_word_or_no_answer(story: Story) -> list[str]:
    """Let one say that nobody answered, and one that the code word fell."""
    return await _both(story, "outcome", NO_ANSWER, {"outcome": "code_word"})


async def _both(story: Story, what: str, *bodies: dict[str, str]) -> list[str]:
    path = f"{story.escalation}/tasks/1-1/{what}"
    sent = (story.send(who, "POST", path, body) for who, body in zip(("amy", "sam"), bodies, strict=True))
    return [code(one) for one in await asyncio.gather(*sent)]
