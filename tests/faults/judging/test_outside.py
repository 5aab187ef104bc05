"""The checker finds what contradicts a client's journal or a sink's file (I1, I3, I4, I6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.judging.verdict import ARRIVALS, arrival, line, verdict
from tests.faults.made_up import HEALTHY, Story, again, with_also

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

TWICE = with_also(replace(again("in-2", "in-2b", 128.5), key="lost"), replace(again("in-2", "lost", 128.6), key="lost"))

JOURNALS: dict[str, tuple[Story, dict[str, Any], str, str]] = {
    "an accepted id is missing": (HEALTHY, line("check_in", "gone", 130), "I1", "answered as known is not in the log"),
    "an unknown id took effect twice": (TWICE, line("check_in", "lost", 128.4, None), "I1", "did not bring it"),
    "a refused id took effect": (HEALTHY, line("end_visit", "end", 169.9, 409), "I1", "only ever refused"),
    "other content under a known id took effect": (
        with_also(again("in-2", "in-2b", 128.5)),
        line("check_in", "in-2", 128.4, 409, answer={"code": "other_content"}),
        "I1",
        "did not bring it",
    ),
    "the answer names another position": (
        HEALTHY,
        line("check_in", "in-1", 61.4, answer={"position": 3}),
        "I1",
        "answered position 3, not",
    ),
    "an accepted check-in left something else": (HEALTHY, line("check_in", "end", 169.9), "I1", "left no such event"),
    "a check-in changed another visit": (
        HEALTHY,
        line("check_in", "in-1", 61.4, visit_id="v2"),
        "I1",
        "changed another",
    ),
    "a check-in sent after its deadline counted as in time": (
        HEALTHY,
        line("check_in", "in-1", 68),
        "I4",
        "sent after the deadline and counted",
    ),
    "a check-in answered in time was missed": (
        HEALTHY,
        line("check_in", "in-2", 120),
        "I4",
        "missed although check_in",
    ),
}


@pytest.mark.parametrize(("story", "noted", "invariant", "sentence"), JOURNALS.values(), ids=JOURNALS.keys())
async def test_what_contradicts_a_journal_is_found(
    connection: Connection, tmp_path: Path, story: Story, noted: dict[str, Any], invariant: str, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=[noted])
    assert {violation.invariant for violation in found} == {invariant}
    assert any(sentence in violation.sentence for violation in found), found


SINKS = {
    "a call has no attempt": ([*ARRIVALS, arrival("v9.m", 141)], {"I6"}, "0 attempts are recorded"),
    "a message is called more often than attempted": (
        [*ARRIVALS, arrival("v1.1.1.m", 127, "refused")],
        {"I6"},
        "call 2 of v1.1.1 arrived, and 1 attempts",
    ),
    "a call comes before its attempt": (
        [*ARRIVALS[:2], arrival("v1.1.2.m", 140.01)],
        {"I6"},
        "before its attempt was recorded",
    ),
    "an accepted message never arrived": (ARRIVALS[:2], {"I3"}, "the sinks took 0"),
    "an accepted message was refused": (
        [*ARRIVALS[:2], arrival("v1.1.2.m", 140.03, "refused")],
        {"I3"},
        "the sinks took 0",
    ),
}


@pytest.mark.parametrize(("arrivals", "invariants", "sentence"), SINKS.values(), ids=SINKS.keys())
async def test_what_contradicts_a_sink_is_found(
    connection: Connection, tmp_path: Path, arrivals: list[dict[str, Any]], invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, arrivals=arrivals)
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


async def test_a_call_after_the_log_was_read_is_not_judged_yet(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, arrivals=[*ARRIVALS, arrival("v9.m", 180.1)]) == []
