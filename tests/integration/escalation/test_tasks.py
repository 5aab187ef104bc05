"""Tasks over HTTP: who may take one, hand it over, give it back and say what came of it, and what follows."""

import asyncio
from datetime import timedelta
from typing import Any

from shared.contracts.escalations import EscalationJoined, EscalationOpened, EscalationResolved
from shared.contracts.grants import GrantGiven
from shared.contracts.roles import Role
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from tests.integration.escalation.conftest import STREAM, World
from tests.integration.escalation.tasked import (
    FINISH,
    ONE,
    RING_AGAIN,
    STEP_WAIT,
    TAKE,
    act,
    step_starts,
    steps,
    task_of,
    tasked,
)
from tests.support.history import LIZ, MINUTE, OLGA, SAM, SITE, SUE, WALT, help_at_visit, record, reply
from tests.support.services import bearer

__all__ = ["tasked"]


async def last(world: World, stream_id: str = STREAM) -> Any:
    """Return the newest event of the visit's escalation."""
    return (await world.installation.history(stream_id))[-1].event


async def test_a_task_says_what_it_is_whose_it_is_and_what_may_come_of_it(tasked: World) -> None:
    shown = await task_of(tasked, SUE)
    assert (shown["key"], shown["name"], shown["state"]) == ("ring_mobile", "Ring their mobile", "offered")
    assert (shown["offered_to"], shown["holder"], shown["done"]) == ([SUE, SAM], None, None)
    assert shown["who"] == ["supervisor", "line_manager"]
    assert shown["questions"] == [{"code": "visit_over", "ask": "Is the visit over?"}]
    assert shown["outcomes"][2] == {
        "code": "code_word",
        "says": "They said the code word",
        "leads_to": None,
        "raises": "duress",
        "records": [],
    }
    assert shown["cites"]["clauses"] == ["N 5"]
    assert shown["passes_on_at"] is not None


async def test_of_two_who_take_a_task_at_once_one_has_it(tasked: World) -> None:
    answers = await asyncio.gather(*(act(tasked, who, "taking") for who in (SUE, SAM)))
    assert sorted(answers) == [(200, None), (409, "task_taken")]
    winner = (SUE, SAM)[answers.index((200, None))]
    shown = await task_of(tasked, LIZ)
    assert (shown["state"], shown["holder"]) == ("taken", winner)
    assert await act(tasked, winner, "taking") == (200, None)
    assert await tasked.types() == ["opened", "step_started", "task_taken"]
    assert (await tasked.get(LIZ, ONE)).json()["told"] == [SUE, SAM]


async def test_the_same_request_again_is_answered_as_before(tasked: World) -> None:
    headers = bearer("token-of-sue") | {"Idempotency-Key": "one"}
    path = f"/escalation{ONE}/tasks/1-1/taking"
    first, repeat = [(await tasked.client.post(path, headers=headers, json={})).json() for _ in range(2)]
    assert first == repeat
    assert (first["escalation_id"], first["task"]) == ("visit1.1", "1-1")


async def test_a_task_that_nobody_takes_is_offered_to_the_next_and_who_had_it_before_may_still_take_it(
    tasked: World,
) -> None:
    await tasked.installation.clock.forward(TAKE)
    await tasked.installation.quiet()
    passed = await last(tasked)
    assert isinstance(passed, TaskPassedOn)
    assert (passed.reason, [ask.worker_id for ask in passed.asks]) == ("untaken", [LIZ])
    assert (await task_of(tasked, SUE))["offered_to"] == [SUE, SAM, LIZ]
    assert await tasked.page(LIZ)
    assert "Ring their mobile" in (await tasked.client.get(await tasked.page(LIZ))).text
    assert await act(tasked, SUE, "taking") == (200, None)


async def test_a_task_that_is_not_done_in_time_is_free_again(tasked: World) -> None:
    await act(tasked, SUE, "taking")
    await tasked.installation.clock.forward(FINISH)
    await tasked.installation.quiet()
    passed = await last(tasked)
    assert isinstance(passed, TaskPassedOn)
    assert (passed.reason, passed.by, {ask.worker_id for ask in passed.asks}) == ("unfinished", SUE, {SAM, LIZ})
    assert (await task_of(tasked, SUE))["holder"] is None


async def test_a_task_handed_over_stays_with_whoever_holds_it_until_the_other_takes_it(tasked: World) -> None:
    assert await act(tasked, SUE, "handover", to=LIZ) == (409, "not_the_holder")
    await act(tasked, SUE, "taking")
    assert await act(tasked, SUE, "handover", to=WALT) == (409, "handed_to_worker")
    assert await act(tasked, SUE, "handover", to="ghost") == (409, "not_a_responder_here")
    assert await act(tasked, SUE, "handover", to=LIZ) == (200, None)
    handed = await last(tasked)
    assert isinstance(handed, TaskHandedOver)
    assert [ask.worker_id for ask in handed.asks] == [LIZ]
    shown = await task_of(tasked, LIZ)
    assert (shown["holder"], shown["handed_to"]) == (SUE, LIZ)
    assert await act(tasked, SAM, "taking") == (409, "task_taken")
    assert await act(tasked, LIZ, "taking") == (200, None)
    taken = await last(tasked)
    assert isinstance(taken, TaskTaken)
    assert (taken.by, taken.handed_by) == (LIZ, SUE)


async def test_a_task_given_back_is_offered_to_others_at_once(tasked: World) -> None:
    await act(tasked, SUE, "taking")
    assert await act(tasked, SAM, "return") == (409, "not_the_holder")
    assert await act(tasked, SUE, "return") == (200, None)
    passed = await last(tasked)
    assert isinstance(passed, TaskPassedOn)
    assert (passed.reason, {ask.worker_id for ask in passed.asks}) == ("given_back", {SAM, LIZ})


async def test_an_outcome_is_recorded_with_its_answers_and_starts_the_next_step_at_its_time(tasked: World) -> None:
    body: dict[str, Any] = {"outcome": "no_answer", "answers": {"visit_over": "unclear"}, "note": "Rang <twice>"}
    assert await act(tasked, SUE, "outcome", **body) == (200, None)
    done = await task_of(tasked, SAM)
    assert done["done"] | {"at": None} == {
        "by": SUE,
        "at": None,
        "outcome": "no_answer",
        "answers": {"visit_over": "unclear"},
        "left_at": None,
        "called_at": None,
        "reference": None,
        "note": "Rang <twice>",
        "late": False,
    }
    assert await tasked.types() == ["opened", "step_started", "task_taken", "task_done"]
    rows = await tasked.installation.admin.fetch("SELECT record FROM log.event")
    assert not [row for row in rows if b"twice" in row["record"]]
    await tasked.installation.clock.forward(RING_AGAIN - MINUTE)
    await tasked.installation.quiet()
    assert await steps(tasked) == [(1, 1)]
    await tasked.installation.clock.forward(MINUTE)
    await tasked.installation.quiet()
    assert await steps(tasked) == [(1, 1), (1, 2)]


async def test_no_outcome_puts_the_next_step_off(tasked: World) -> None:
    await tasked.installation.clock.forward(STEP_WAIT - MINUTE)
    await tasked.installation.quiet()
    before = (await tasked.get(SUE, ONE)).json()["next_at"]
    await act(tasked, SUE, "outcome", outcome="no_answer")
    assert (await tasked.get(SUE, ONE)).json()["next_at"] == before


async def test_spoken_with_the_worker_ends_it_in_one_decision(tasked: World) -> None:
    assert await act(tasked, SUE, "outcome", outcome="safe") == (200, None)
    assert await tasked.types() == ["opened", "step_started", "task_taken", "task_done", "resolved"]
    resolved = await last(tasked)
    assert isinstance(resolved, EscalationResolved)
    assert (resolved.by, resolved.confirmed_by, resolved.how) == (SUE, SUE, "spoke_with_worker")
    assert await act(tasked, SAM, "taking") == (409, "not_open")
    assert await act(tasked, SAM, "outcome", outcome="no_answer") == (409, "not_open")
    assert (await task_of(tasked, SAM))["state"] == "done"


async def test_who_did_not_know_of_what_joined_does_not_end_it_by_a_task(tasked: World) -> None:
    await help_at_visit(tasked.installation)
    await tasked.installation.quiet()
    assert await act(tasked, SUE, "outcome", outcome="safe", triggers_seen=1) == (409, "changed_since")
    assert (await task_of(tasked, SUE))["done"] is None
    assert await act(tasked, SUE, "outcome", outcome="safe", triggers_seen=2) == (200, None)


REFUSED: tuple[tuple[str, str, dict[str, Any], tuple[int, str]], ...] = (
    ("1-2", "taking", {}, (404, "task_unknown")),
    ("2-1", "outcome", {"outcome": "code_word"}, (404, "task_unknown")),
    ("1-2", "outcome", {"outcome": "left"}, (404, "task_unknown")),
    ("1", "taking", {}, (404, "task_unknown")),
    ("1-1-1", "return", {}, (404, "task_unknown")),
    ("1-٣", "taking", {}, (404, "task_unknown")),
    ("1-99999999999999999999", "taking", {}, (404, "task_unknown")),
    ("-1-1", "taking", {}, (404, "task_unknown")),
    ("1-1", "outcome", {"outcome": "abducted"}, (404, "outcome_unknown")),
    ("1-1", "outcome", {"outcome": "safe", "answers": {"weather": "yes"}}, (404, "question_unknown")),
    ("1-1", "outcome", {"outcome": "safe", "answers": {"visit_over": "maybe"}}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "Not a code"}, (422, "invalid")),
    ("1-1", "outcome", {}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "left_at": "at tea"}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "left_at": "2026-01-01T10:00:00"}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "left_at": "0001-01-01T00:00:00+14:00"}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "note": "n" * 20_001}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "triggers_seen": 0}, (422, "invalid")),
    ("1-1", "outcome", {"outcome": "safe", "surprise": 1}, (422, "invalid")),
    ("1-1", "handover", {}, (422, "invalid")),
    ("1-1", "handover", {"to": "no such/id"}, (422, "invalid")),
    ("1-1", "taking", {"why": "not"}, (422, "invalid")),
    ("1-1", "return", {}, (409, "not_the_holder")),
)
"""What is asked of which task, with what, and how it is refused."""


async def test_what_is_not_as_it_should_be_is_refused_with_a_sentence_and_changes_nothing(tasked: World) -> None:
    before = await tasked.types()
    for no, what, body, refused in REFUSED:
        answered = await tasked.post(SUE, f"{ONE}/tasks/{no}/{what}", **body)
        assert (answered.status_code, answered.json()["code"]) == refused, (no, what, body)
        assert answered.headers["content-type"] == "application/problem+json"
        assert answered.json()["detail"].endswith(".")
    assert await tasked.types() == before


async def test_an_outcome_comes_with_its_facts_and_none_of_them_lies_ahead(tasked: World) -> None:
    await step_starts(tasked, "ring_mobile")
    now = await tasked.installation.clock.now()
    assert await act(tasked, SUE, "outcome", "1-2", outcome="left") == (409, "fact_missing")
    ahead = (now + timedelta(hours=1)).isoformat()
    assert await act(tasked, SUE, "outcome", "1-2", outcome="left", left_at=ahead) == (409, "fact_in_the_future")
    left_at = (now - timedelta(minutes=20)).replace(microsecond=0)
    assert await act(tasked, SUE, "outcome", "1-2", outcome="left", left_at=left_at.isoformat()) == (200, None)
    done = next(event for event in reversed(await events(tasked)) if isinstance(event, TaskDone))
    assert (done.left_at, done.late) == (left_at, False)


async def events(world: World) -> list[Any]:
    """Return the events of the visit's escalation."""
    return [recorded.event for recorded in await world.installation.history(STREAM)]


async def test_the_code_word_starts_the_ladder_for_duress_instead_of_the_one_that_ran_and_that_only_once(
    tasked: World,
) -> None:
    await act(tasked, SUE, "taking")
    assert await act(tasked, SAM, "outcome", outcome="code_word") == (200, None)
    assert await act(tasked, SUE, "outcome", outcome="code_word") == (200, None)
    assert await act(tasked, LIZ, "outcome", outcome="code_word") == (200, None)
    joined = [event for event in await events(tasked) if isinstance(event, EscalationJoined)]
    assert [(event.trigger, event.ladder_no, event.stopped) for event in joined] == [("duress", 2, (1,))]
    shown = (await tasked.get(LIZ, ONE)).json()
    assert [(one["trigger"], one["ladder_no"]) for one in shown["triggers"]] == [("check_in_missed", 1), ("duress", 2)]
    assert [(one["ladder_no"], one["stopped"]) for one in shown["ladders"]] == [(1, True), (2, False)]
    assert [one["name"] for one in shown["steps"] if one["started_at"] is None] == []
    await tasked.installation.clock.forward(STEP_WAIT - MINUTE)
    await tasked.installation.quiet()
    assert await steps(tasked) == [(1, 1), (2, 1)]


async def test_what_is_left_of_a_stopped_task_is_its_outcome_that_raises(tasked: World) -> None:
    await act(tasked, SAM, "outcome", outcome="code_word")
    await tasked.installation.clock.forward(MINUTE)
    assert (await task_of(tasked, SUE))["state"] == "done"
    assert await act(tasked, SUE, "outcome", outcome="no_answer") == (409, "task_done")
    assert await act(tasked, SUE, "taking") == (409, "task_done")


async def test_of_two_who_say_at_once_what_came_of_a_task_one_is_recorded_and_its_repeat_is_no_other(
    tasked: World,
) -> None:
    answers = await asyncio.gather(*(act(tasked, who, "outcome", outcome="no_answer") for who in (SUE, SAM)))
    assert sorted(answers) == [(200, None), (409, "task_done")]
    first = (SUE, SAM)[answers.index((200, None))]
    assert await act(tasked, first, "outcome", outcome="no_answer") == (200, None)
    assert await act(tasked, first, "outcome", outcome="safe") == (409, "task_done")
    assert await tasked.types() == ["opened", "step_started", "task_taken", "task_done"]


async def test_an_outcome_after_the_ladder_has_gone_on_is_recorded_as_late_and_changes_no_time(tasked: World) -> None:
    await step_starts(tasked, "ring_mobile")
    before = (await tasked.get(SUE, ONE)).json()["next_at"]
    assert await act(tasked, SUE, "outcome", outcome="no_answer") == (200, None)
    assert ((await task_of(tasked, SUE))["done"]["late"], (await tasked.get(SUE, ONE)).json()["next_at"]) == (
        True,
        before,
    )
    assert "the next step had begun before that" in (await tasked.client.get(await tasked.page(SAM))).text


async def test_a_code_word_told_after_the_end_opens_the_next_episode(tasked: World) -> None:
    await act(tasked, SUE, "outcome", outcome="no_answer")
    await tasked.post(LIZ, f"{ONE}/resolution", confirmed_by=LIZ, how="met_in_person")
    for who in (SUE, SAM):
        assert await act(tasked, who, "outcome", outcome="code_word") == (200, None)
    opened = [event for event in await events(tasked) if isinstance(event, EscalationOpened)]
    assert [(event.escalation_id, event.trigger) for event in opened] == [
        ("visit1.1", "check_in_missed"),
        ("visit1.2", "duress"),
    ]
    assert opened[1].policy_version == 2
    assert opened[1].ladder is not None
    assert opened[1].ladder.instead


async def test_a_reply_to_an_offer_takes_the_task_and_acknowledges_nothing(tasked: World) -> None:
    await reply(tasked.installation, "visit1.1", SAM, "visit1", "visit1.1.2")
    await reply(tasked.installation, "visit1.1", SUE, "visit1", "visit1.1.1")
    await tasked.installation.quiet()
    assert await tasked.types() == ["opened", "step_started", "task_taken"]
    taken = await last(tasked)
    assert (taken.by, taken.via) == (SAM, "reply")
    assert (await tasked.get(SUE, ONE)).json()["acknowledged_by"] is None


async def test_a_reply_to_a_handover_takes_the_task(tasked: World) -> None:
    await act(tasked, SUE, "taking")
    await act(tasked, SUE, "handover", to=LIZ)
    notification_id = (await last(tasked)).asks[0].notification_id
    await reply(tasked.installation, "visit1.1", LIZ, "visit1", notification_id)
    await tasked.installation.quiet()
    assert (await last(tasked)).by == LIZ
    assert (await task_of(tasked, SUE))["holder"] == LIZ


async def test_the_steps_to_come_are_those_that_time_leads_to_and_those_that_an_outcome_has_set(tasked: World) -> None:
    def to_come(shown: dict[str, Any]) -> list[str]:
        return [one["name"] for one in shown["steps"] if one["started_at"] is None]

    shown = (await tasked.get(SUE, ONE)).json()
    assert to_come(shown) == ["Ring the contacts", "Ring them at home", "Take it further"]
    await step_starts(tasked, "ring_mobile", "ring_contacts", "ring_home")
    assert to_come((await tasked.get(SUE, ONE)).json()) == []
    await act(tasked, LIZ, "outcome", "1-4", outcome="emergency")
    await tasked.installation.quiet()
    assert (await steps(tasked))[-1] == (1, 5)
    assert (await task_of(tasked, SUE, "1-5"))["name"] == "Have 999 called"


async def test_whoever_the_escalation_is_about_finds_none(tasked: World) -> None:
    path = f"/escalation{ONE}"
    own = (await tasked.client.get(path, headers=bearer("token-of-walt"))).json()
    none = (await tasked.client.get(path.replace(".1", ".2"), headers=bearer("token-of-walt"))).json()
    assert (own["status"], own) == (403, none)
    granted = GrantGiven(site_id=SITE, worker_id=WALT, role=Role.SUPERVISOR)
    await record(tasked.installation, "checkin", f"grant-{SITE}", granted, site_id=SITE)
    own = (await tasked.client.get(path, headers=bearer("token-of-walt"))).json()
    none = (await tasked.client.get(path.replace(".1", ".2"), headers=bearer("token-of-walt"))).json()
    assert (own["status"], own) == (404, none)
    listed = (await tasked.get(WALT, f"/escalations?site_id={SITE}")).json()
    assert listed == {"escalations": []}
    assert len((await tasked.get(SUE, f"/escalations?site_id={SITE}")).json()["escalations"]) == 1
    for what, body in (("taking", {}), ("outcome", {"outcome": "safe"}), ("return", {}), ("handover", {"to": SUE})):
        assert await act(tasked, WALT, what, **body) == (404, "escalation_unknown")
    assert (await tasked.client.get(await tasked.page(WALT))).status_code == 404


async def test_who_holds_no_role_here_does_nothing_with_a_task(tasked: World) -> None:
    for what, body in (
        ("taking", {}),
        ("outcome", {"outcome": "code_word"}),
        ("return", {}),
        ("handover", {"to": SUE}),
    ):
        assert await act(tasked, WALT, what, **body) == (403, "forbidden")
    assert await act(tasked, OLGA, "taking") == (200, None)
