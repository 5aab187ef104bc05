"""What is said of a task more than once: a repeat follows nothing, a trigger after the end of its episode is one anew."""

from typing import Any

from services.audit.domain import timeline
from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.situations import VisitSituationReported
from shared.contracts.tasks import TaskDone
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Violation
from tests.faults.checker.ladders import judge_ladders
from tests.faults.checker.raised import judge_raised
from tests.faults.checker.rows import read
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World
from tests.integration.escalation.planned import at_visit
from tests.integration.escalation.tasked import ONE, act, step_starts, tasked
from tests.support.history import LIZ, POLICY, SAM, SITE, SUE, WALT, token_of
from tests.support.services import bearer

__all__ = ["tasked"]

PRESS = "0123456789abcdef" * 2


async def word_said_and_ended(world: World) -> int:
    """Let the code word be said and the escalation be ended; return how many records there are."""
    assert await act(world, SUE, "outcome", outcome="code_word") == (200, None)
    await world.installation.quiet()
    ended = await world.post(LIZ, f"{ONE}/resolution", confirmed_by=LIZ, how="met_in_person")
    assert ended.status_code == 200
    await world.installation.quiet()
    return len(await world.types())


async def found_wrong(world: World) -> list[Violation]:
    """Return what an outsider finds wrong with how escalations came about and went on."""
    evidence = Evidence(await read(world.installation.admin))
    return [*judge_raised(evidence), *judge_ladders(evidence)]


async def say(world: World, who: str, key: str, no: str = "1-1", **body: Any) -> tuple[int, Any]:
    """Say what came of a task under a key of one's own; return the status and the answer."""
    headers = bearer(token_of(who)) | {"Idempotency-Key": key}
    answered = await world.client.post(f"/escalation{ONE}/tasks/{no}/outcome", json=body, headers=headers)
    await world.installation.quiet()
    return answered.status_code, answered.json()


async def last_opened(world: World) -> EscalationOpened:
    """Return what opened the newest episode."""
    events = [recorded.event for recorded in await world.installation.history(STREAM)]
    return [event for event in events if isinstance(event, EscalationOpened)][-1]


async def test_a_code_word_said_once_more_after_the_end_opens_a_new_episode_and_its_repeat_nothing(
    tasked: World,
) -> None:
    before = await word_said_and_ended(tasked)
    first = await say(tasked, SAM, "once", outcome="code_word")
    again = await last_opened(tasked)
    assert first[0] == 200
    assert (await tasked.types())[before:] == ["opened", "step_started"]
    assert (again.episode, again.trigger, again.visit_id) == (2, "duress", "visit1")
    assert again.trigger_event_id == f"again1.{EPISODE}.1-1.code_word"
    assert await say(tasked, SAM, "once", outcome="code_word") == first
    assert len(await tasked.types()) == before + 2
    assert (await say(tasked, LIZ, "twice", outcome="code_word"))[0] == 200
    assert (await tasked.types())[before + 2 :] == ["joined"]
    assert await found_wrong(tasked) == []
    now = await tasked.installation.clock.now()
    lines = timeline(await tasked.installation.history(STREAM), now).lines
    assert [line.sentence for line in lines if line.what == "escalation" and line.outcome != "met"] == []


async def test_nothing_is_wrong_with_what_goes_on_beside_duress(tasked: World) -> None:
    matter = VisitSituationReported(
        visit_id=VISIT, worker_id=WALT, site_id=SITE, policy_id=POLICY, policy_version=2, situation="safeguarding"
    )
    await at_visit(tasked.installation, matter)
    await tasked.installation.quiet()
    assert await act(tasked, SUE, "outcome", outcome="code_word") == (200, None)
    await step_starts(tasked, "find_out")
    assert (2, None) in [(turn["ladder_no"], turn["step"]) for turn in (await tasked.get(SUE, ONE)).json()["steps"]]
    assert await found_wrong(tasked) == []


async def test_a_code_word_pressed_once_more_after_the_end_opens_a_new_episode_and_the_same_press_nothing(
    tasked: World,
) -> None:
    before = await word_said_and_ended(tasked)
    for _ in range(2):
        pressed = await tasked.press(SUE, "do_task", task="1-1", outcome="code_word", press=PRESS)
        await tasked.installation.quiet()
        assert pressed.status_code == 303
        assert (await tasked.types())[before:] == ["opened", "step_started"]
    assert (await last_opened(tasked)).trigger == "duress"


async def test_the_same_note_and_reference_said_twice_is_a_repeat_and_another_is_not(tasked: World) -> None:
    assert (await say(tasked, SUE, "one", outcome="no_answer", note="It rang out."))[0] == 200
    before = await tasked.types()
    assert (await say(tasked, SUE, "two", outcome="no_answer", note="It rang out."))[0] == 200
    for key, body in (("three", {"note": "It was engaged."}), ("four", {})):
        assert (await say(tasked, SUE, key, outcome="no_answer", **body))[1]["code"] == "task_done"
    assert (await say(tasked, SAM, "five", outcome="no_answer", note="It rang out."))[1]["code"] == "task_done"
    assert await tasked.types() == before
    await step_starts(tasked, "ring_mobile", "ring_contacts", "ring_home")
    assert await act(tasked, LIZ, "outcome", "1-4", outcome="emergency") == (200, None)
    await tasked.installation.quiet()
    called = {"outcome": "called", "called_at": "2026-01-01T00:00:00+00:00", "reference": "POL-1"}
    assert (await say(tasked, SUE, "six", "1-5", **called))[0] == 200
    assert (await say(tasked, SUE, "seven", "1-5", **called))[0] == 200
    assert (await say(tasked, SUE, "eight", "1-5", **called | {"reference": "POL-2"}))[1]["code"] == "task_done"
    events = [recorded.event for recorded in await tasked.installation.history(STREAM)]
    assert [(event.step, event.outcome) for event in events if isinstance(event, TaskDone)] == [
        (1, "no_answer"),
        (4, "emergency"),
        (5, "called"),
    ]


async def test_a_code_word_is_taken_with_whatever_stands_beside_it(tasked: World) -> None:
    headers = bearer(token_of(SUE)) | {"Content-Type": "application/json"}
    for key, note in (("long", '"' + "x" * 15_000 + '"'), ("cut", '"the dog \\ud83d"'), ("none", '""')):
        body = f'{{"outcome": "code_word", "note": {note}, "reference": "   "}}'
        answered = await tasked.client.post(
            f"/escalation{ONE}/tasks/1-1/outcome", content=body, headers=headers | {"Idempotency-Key": key}
        )
        assert answered.status_code == 200, answered.text
    recorded = [one.event for one in await tasked.installation.history(STREAM)]
    assert sum(isinstance(event, EscalationJoined) for event in recorded) == 1


async def test_a_reference_of_blanks_is_none(tasked: World) -> None:
    await step_starts(tasked, "ring_mobile")
    assert await act(tasked, SUE, "outcome", "1-2", outcome="left", left_at="   ") == (422, "invalid")
    assert await act(tasked, SUE, "outcome", "1-2", outcome="left", reference="   ") == (409, "fact_missing")
