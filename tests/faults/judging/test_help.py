"""The checker finds calls for help that nothing followed from, or that were turned away (I17)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.judging.verdict import line, verdict
from tests.faults.made_up import HEALTHY, Fact, Story, raised, step, with_also

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

WITHOUT_A_VISIT = Fact("help-w", 177, "worker-w7", "worker.help_requested.v1", key="help-w", actor="w7", visit_id=None)
OPENED = replace(raised("opened-w", 177.05, "help-w", "w7.1"), visit_id=None)
STEP = replace(step("step-w", 177.05, "w7.1", 1, 300), visit_id=None)
ANSWERED = line("ask_for_help", "help-w", 176.99, source="http:w7", visit_id=None)


async def test_help_without_a_visit_that_was_raised_passes(connection: Connection, tmp_path: Path) -> None:
    story = with_also(WITHOUT_A_VISIT, OPENED, STEP)
    refused = line("ask_for_help", "not-mine", 100, 403, answer={"code": "not_permitted"})
    other = line("ask_for_help", "help-1", 149.9, 409, answer={"code": "other_content"})
    assert await verdict(connection, tmp_path, story, journal=[ANSWERED, refused, other]) == []


SPOILT: dict[str, tuple[Story, dict[str, Any], str]] = {
    "help without a visit reaches nobody": (with_also(WITHOUT_A_VISIT), ANSWERED, "reached no escalation"),
    "help was accepted and is not in the log": (HEALTHY, ANSWERED, "was accepted and left none"),
    "help was accepted and left something else": (
        HEALTHY,
        line("ask_for_help", "end", 169.9),
        "accepted and left none",
    ),
    "help is refused because of the visit's state": (
        HEALTHY,
        line("ask_for_help", "late", 171, 409, answer={"code": "visit_ended"}),
        "was refused with 409",
    ),
    "help is refused because it came too often": (
        HEALTHY,
        line("ask_for_help", "often", 151, 429, answer={"code": "too_many"}),
        "was refused with 429",
    ),
    "help waits until the escalation is late": (
        with_also(
            WITHOUT_A_VISIT,
            replace(OPENED, minutes=177.2),
            replace(STEP, minutes=177.2),
        ),
        ANSWERED,
        "later than 10 s",
    ),
}


@pytest.mark.parametrize(("story", "noted", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_a_call_for_help_that_was_not_heard_is_found(
    connection: Connection, tmp_path: Path, story: Story, noted: dict[str, Any], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=[noted])
    assert any(one.invariant == "I17" and sentence in one.sentence for one in found), found
