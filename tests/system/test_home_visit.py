"""A worker who does not answer, on a whole Lonewatch: real processes, real clocks, tasks done on the pages behind the links."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.campaign import PROVING
from tests.support.live_world import HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not PROVING, reason="the demo's test plays a home visit on real processes at every landing: make prove"
    ),
]

STARTED, DONE, JOINED = "escalation.step_started.v1", "escalation.task_done.v1", "escalation.joined.v1"

WAIT = seconds(6)
"""Of every step: a task is taken within a third of it and finished within a half, which a person's click has to fit into."""

SLACK = seconds(3)
"""How late a step may be here, on a machine that is busy with other tests; the promise is 10 s."""


@pytest.mark.requirement("M-02")
@pytest.mark.requirement("M-04")
async def test_without_an_answer_the_next_call_comes_at_its_time_and_a_code_word_stops_every_call(
    world: LiveWorld,
) -> None:
    await world.adopt(policy(waits=(WAIT,), tasks=True))
    visit = await world.start_visit()
    sam = await world.is_told(visit, SAM)
    await press(sam.data["link"], "do_task", task="1-1", outcome="no_answer")
    first = await world.happened(visit, DONE)
    assert (first.data["outcome"], first.data["next_turn"], first.data["late"]) == ("no_answer", 2, False)
    again = await world.happened(visit, STARTED, times=2)
    due_at = datetime.fromisoformat(first.data["next_at"])
    assert due_at <= again.recorded_at <= due_at + SLACK

    await world.is_told(visit, SAM, times=2)
    await press(sam.data["link"], "do_task", task="1-2", outcome="code_word")
    joined = await world.happened(visit, JOINED)
    assert (joined.data["trigger"], joined.data["ladder_no"], joined.data["stopped"]) == ("duress", 2, [1])
    hana = await world.is_told(visit, HANA)
    facts = {"called_at.called": hana.at.isoformat(), "reference.called": "CAD 1234"}
    await press(hana.data["link"], "do_task", task="2-1", outcome="called", **facts)
    called = await world.happened(visit, DONE, times=3)
    assert called.data["outcome"] == "called"
    await world.happened(visit, "escalation.acknowledged.v1")

    steps = [(fact.data["ladder_no"], fact.data["step"]) for fact in await world.facts(visit, STARTED)]
    assert steps == [(1, 1), (1, 2), (2, 1)], "nobody rings a worker under duress any more"
    await press(hana.data["link"], "resolve", how="met_in_person", confirmed="yes")
    await world.happened(visit, "escalation.resolved.v1")
    await world.end(visit)
