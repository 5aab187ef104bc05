"""The timeline as text: in columns, wrapped, with what a device says and what a clause requires."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.audit.domain import shown, timeline, timeline_text
from tests.support.history_of import happened, history_of
from tests.unit.audit.answers import ask, opened, step_started
from tests.unit.audit.examples import (
    CHECK_IN_MISSED,
    CLOCK,
    DUE,
    HELP_REQUESTED,
    MINUTE,
    OPENED,
    SECOND,
    SUE,
    T0,
    VISIT,
    WALT,
    begun,
    checked_in,
)

PEOPLE = {WALT: "Walt Moor", SUE: "Sue Hall"}


def answered(*, says_ago: timedelta = timedelta(0), opened_note: str = "he is shouting") -> dict[str, Any]:
    history = history_of(
        *begun(),
        happened(OPENED, CHECK_IN_MISSED, by=CLOCK, event_id="missed"),
        happened(OPENED, opened()),
        happened(OPENED, step_started(1, OPENED + 10 * MINUTE, ask(1, SUE))),
        happened(OPENED + MINUTE, HELP_REQUESTED, by=WALT, says_at=OPENED + MINUTE - says_ago),
    )
    return shown(timeline(history, OPENED + MINUTE), {"visit_id": VISIT}, PEOPLE, {(7, "note"): opened_note})


def test_it_begins_with_the_visit_its_worker_and_how_far_it_goes() -> None:
    first, second, third, *_ = timeline_text(answered(), width=100).splitlines()
    assert first == "Visit visit1: started, worker Walt Moor, site north."
    assert second == "As recorded through position 7, read at 2026-03-02 14:36:01 UTC."
    assert third.startswith("Escalation visit1.1 (check in missed): deadline 14:35:00, opened 14:35:01")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    lines = timeline_text(answered(), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) > 10


def test_a_missed_check_in_stands_in_capitals_with_its_clauses() -> None:
    text = timeline_text(answered(), width=400)
    (line,) = [line for line in text.splitlines() if "expected MISSED" in line]
    assert line.startswith("  14:30:00  expected MISSED     Walt Moor was to check in by 14:30:00")
    assert line.endswith("[regular; interval; a miss is a failure]")


def test_a_default_of_ours_is_named_as_such() -> None:
    text = timeline_text(answered(), width=400)
    assert "[supervisor first wait; head next; default of ours]" in text


def test_what_a_device_says_is_shown_when_it_differs_by_more_than_a_second() -> None:
    assert "The device says" not in timeline_text(answered(says_ago=SECOND))
    assert "The device says 14:33:01." in timeline_text(answered(says_ago=3 * MINUTE), width=400)


def test_a_note_is_shown_as_it_was_opened_and_moves_no_cursor() -> None:
    assert "Note: he is shouting." in timeline_text(answered(), width=400)
    assert "Note: (erased)." in timeline_text(answered(opened_note="(erased)"), width=400)
    text = timeline_text(answered(opened_note="a\x1b[2Jb"), width=400)
    assert "\x1b" not in text


def test_each_day_has_a_heading() -> None:
    history = history_of(*begun(), happened(DUE, checked_in(DUE, DUE + timedelta(days=1)), by=WALT))
    text = timeline_text(shown(timeline(history, T0), {"visit_id": VISIT}, {}, {}))
    assert "\n2026-03-02 (UTC)\n" in text
    assert "\n2026-03-03 (UTC)\n" in text


def test_a_timeline_without_a_visit_begins_with_the_worker() -> None:
    answer = shown(timeline([], T0), {"worker_id": WALT}, PEOPLE, {})
    assert timeline_text(answer).startswith("Worker Walt Moor, without a visit.\n")
