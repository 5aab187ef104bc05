"""The checker finds two raisers (I5) and steps that start too early, too late, twice or never (I5, I7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.checker import Timing
from tests.faults.judging.verdict import verdict
from tests.faults.made_up import (
    HEALTHY,
    Fact,
    Story,
    again,
    changed,
    iso,
    minute,
    raised,
    sent,
    step,
    with_also,
    without,
)

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection


def fact(name: str, minutes: float, kind: str, next_at: float, **data: object) -> Fact:
    """Return an event of the ladder of v1's second escalation."""
    said = {"escalation_id": "v1.2", "ladder_no": 1, "next_at": iso(next_at), "asks": [], **data}
    return Fact(name, minutes, "escalation-v1", f"escalation.{kind}.v1", said)


def going_on(*facts: Fact) -> Story:
    """Return the story whose second escalation is stood down an hour later than in the healthy one, with more events."""
    kept = [one for one in HEALTHY if one.name not in ("false", "longer", "end")]
    end = sent("end", 170, "visit-v1", "ended")
    over = sent("false", 215, "escalation-v1", "stood_down", "anna", escalation_id="v1.2", asks=[])
    return tuple(sorted((*kept, end, over, *facts), key=lambda one: one.minutes))


STEP_2 = step("step-2b", 156.05, "v1.2", 2, 162)
FIRST_ROUND = fact("round-1", 162.02, "exhausted", 182, round=1)
SECOND_ROUND = fact("round-2", 182.1, "exhausted", 202, round=2)
THIRD_ROUND = fact("round-3", 202, "exhausted", 222, round=3)
TO_THE_END = (STEP_2, FIRST_ROUND, SECOND_ROUND, THIRD_ROUND)
NOBODY = fact("nobody", 152, "step_reached_nobody", 152, turn=1)
TAKEN = sent("ack-2", 153, "escalation-v1", "acknowledged", escalation_id="v1.2", ladders=[1], runs_out_at=iso(200))
RAN_OUT = fact("ran-out", 200.1, "acknowledgement_ran_out", 200.1)

SOUND: dict[str, Story] = {
    "an exhausted ladder goes on in its rhythm": going_on(*TO_THE_END),
    "a step that reached nobody lets the next one start at once": going_on(
        NOBODY, step("step-2b", 152.05, "v1.2", 2, 220)
    ),
    "an acknowledgement runs out and the ladder goes on": going_on(
        TAKEN, RAN_OUT, step("step-2b", 200.15, "v1.2", 2, 220)
    ),
    "a step asks many people in two parts": going_on(
        step("step-2b", 156, "v1.2", 2, 220), step("step-2c", 156, "v1.2", 2, 220, part=2)
    ),
    "what was awaited came, and the escalation lapses": going_on(
        fact("lapse", 155, "lapsed", 0), raised("opened-4", 156, "help-4", "v1.3"),
        step("step-4", 156, "v1.3", 1, 220), sent("help-4", 155.99, "visit-v1", "help_requested"),
        sent("over", 180, "escalation-v1", "resolved", "anna", escalation_id="v1.3", asks=[]),
    )[:-1],
}  # fmt: skip


@pytest.mark.parametrize("story", SOUND.values(), ids=SOUND.keys())
async def test_a_ladder_that_keeps_its_time_passes(connection: Connection, tmp_path: Path, story: Story) -> None:
    assert await verdict(connection, tmp_path, story, journal=(), now=216) == []


SPOILT: dict[str, tuple[Story, set[str], str]] = {
    "a step happens twice": (going_on(*TO_THE_END, step("step-x", 156.1, "v1.2", 2, 162)), {"I5", "I7"}, "2 times"),
    "a round happens twice": (
        going_on(*TO_THE_END, fact("round-x", 162.1, "exhausted", 182, round=1)),
        {"I5", "I7"},
        "round 1 of ladder 1 happened 2 times",
    ),
    "a trigger joins twice": (with_also(again("joined", "joined-again")), {"I5"}, "raised 2 escalations"),
    "two escalations are open at once": (
        with_also(
            sent("help-4", 152, "visit-v1", "help_requested"),
            raised("opened-4", 152.01, "help-4", "v1.3"),
            step("step-4", 152.01, "v1.3", 1, 220),
        ),
        {"I5"},
        "while v1.2 is open",
    ),
    "a step is of an episode that has ended": (
        with_also(step("step-x", 145, "v1.1", 2, 220)),
        {"I5"},
        "v1.1, which is not open",
    ),
    "the first step never starts": (without("step-2"), {"I7"}, "turn 1 of ladder 1 did not start"),
    "a step is late": (
        going_on(step("step-2b", 156.5, "v1.2", 2, 220)),
        {"I7"},
        "turn 2 of ladder 1 started too late",
    ),
    "a step is early": (going_on(step("step-2b", 155, "v1.2", 2, 220)), {"I7"}, "before its time"),
    "a step never starts": (going_on(), {"I7"}, "turn 2 of ladder 1 did not start"),
    "a step is left out": (going_on(fact("round-1", 156, "exhausted", 220, round=1)), {"I7"}, "where turn 2 was next"),
    "exhaustion is never said": (going_on(STEP_2), {"I7"}, "turn 3 of ladder 1 did not start"),
    "exhaustion is said once and not again": (
        going_on(STEP_2, FIRST_ROUND),
        {"I7"},
        "turn 4 of ladder 1 did not start",
    ),
    "after a step that reached nobody nothing comes": (going_on(NOBODY), {"I7"}, "turn 2 of ladder 1 did not start"),
    "an acknowledgement never runs out": (going_on(TAKEN), {"I7"}, "did not run out"),
    "an acknowledgement runs out early": (
        going_on(TAKEN, fact("ran-out", 190, "acknowledgement_ran_out", 230)),
        {"I7"},
        "ran out before its time",
    ),
    "after an acknowledgement that ran out nothing comes": (
        going_on(TAKEN, RAN_OUT),
        {"I7"},
        "turn 2 of ladder 1 did not start",
    ),
}


@pytest.mark.parametrize(("story", "invariants", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_a_spoilt_ladder_is_found(
    connection: Connection, tmp_path: Path, story: Story, invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=(), now=216)
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


async def test_a_step_that_fell_due_in_an_outage_may_wait_for_its_end(connection: Connection, tmp_path: Path) -> None:
    story = going_on(step("step-2b", 158.1, "v1.2", 2, 220))
    down = Timing(outages=((minute(155.9), minute(158)),))
    assert await verdict(connection, tmp_path, story, journal=(), timing=down, now=216) == []


async def test_an_escalation_that_is_open_at_the_end_must_go_on(connection: Connection, tmp_path: Path) -> None:
    story = changed("step-3", data={**step("", 0, "v3.1", 1, 178).data})
    found = await verdict(connection, tmp_path, story, journal=())
    assert {(one.invariant, one.sentence) for one in found} == {("I7", "turn 2 of ladder 1 did not start in its time")}
