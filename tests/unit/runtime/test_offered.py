"""What came by topics is handed out where it follows what was applied, and is kept within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.contracts.carried import Carried, Place
from shared.contracts.topics import AUDIT
from shared.runtime import offered
from shared.runtime.offered import MOST_RECORDS, Offered
from tests.unit.runtime.carried_records import came

KEY = ("audit.visit", AUDIT, came(1, 0).place.shard)


def positions(queue: Offered, applied: int, most: int = 200) -> list[int]:
    """Return the positions that follow ``applied``."""
    return [row["position"] for row in queue.take(KEY, applied, most)]


def filled(*records: Carried) -> Offered:
    """Return a queue to which these came."""
    queue = Offered()
    for record in records:
        queue.add(KEY, record)
    return queue


def test_records_follow_one_another_by_their_predecessors() -> None:
    queue = filled(came(4, 2), came(9, 4), came(11, 9))
    assert positions(queue, 2) == positions(queue, 3) == [4, 9, 11]
    assert queue.chains(KEY, 3)


def test_shuffled_and_doubled_records_are_in_order_and_once() -> None:
    queue = filled(came(11, 9), came(4, 2), came(11, 9), came(9, 4), came(4, 2))
    assert positions(queue, 2) == [4, 9, 11]


def test_nothing_is_handed_out_across_a_gap() -> None:
    queue = filled(came(4, 2), came(11, 9))
    assert positions(queue, 2) == [4]
    assert positions(queue, 4) == []
    assert queue.holds(KEY), "what is left shows that there is a gap"
    assert not queue.chains(KEY, 4)


def test_what_was_applied_is_forgotten() -> None:
    queue = filled(came(4, 2), came(9, 4))
    assert positions(queue, 9) == []
    assert not queue.holds(KEY)
    assert queue.held() == ()
    assert queue.newest(KEY) == 0


def test_a_page_is_handed_out_at_most() -> None:
    queue = filled(*(came(number, number - 1) for number in range(1, 8)))
    assert positions(queue, 0, 3) == [1, 2, 3]
    queue.drop(KEY, 3)
    assert positions(queue, 3, 3) == [4, 5, 6]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(came(9, 4), record=b"{"),
        replace(came(9, 4), record=came(9, 4).record.replace(b"timeline_disclosed", b"timeline_invented")),
        replace(came(9, 4), type="visit.cancelled.v1"),
        replace(came(9, 4), event_id="another"),
        replace(came(9, 4), stream_id="disclosure-2"),
        replace(came(9, 4), topic="lonewatch.visits.v1"),
        replace(came(9, 4), place=Place(10, KEY[2], "018f", 4)),
        replace(came(9, 4), place=Place(9, (KEY[2] + 1) % 64, "018f", 4)),
        replace(came(9, 4), place=Place(9, KEY[2], "another", 4)),
    ],
)
def test_a_run_ends_before_what_is_not_what_its_headers_say(wrong: Carried) -> None:
    queue = filled(came(4, 2), wrong, came(11, 9))
    assert positions(queue, 2) == [4]
    assert queue.holds(KEY)


def test_what_is_beyond_the_bounds_is_not_kept_and_the_oldest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Offered()
    kept = [queue.add(KEY, came(number, number - 1)) for number in range(1, MOST_RECORDS + 11)]
    assert kept == [True] * MOST_RECORDS + [False] * 10
    assert positions(queue, 0, 1) == [1]
    other = (*KEY[:2], KEY[2] + 1)
    assert queue.add(other, came(1, 0)), "a full queue leaves room for others"
    monkeypatch.setattr(offered, "MOST_BYTES_ALL", 1)
    assert queue.full
    assert not queue.add(other, came(2, 1))
    queue.forget(KEY)
    queue.drop(other, 1)
    assert not queue.full


def test_types_among_the_records_are_known() -> None:
    queue = filled(came(4, 2))
    assert queue.holds(KEY, {came(4, 2).type})
    assert not queue.holds(KEY, {"visit.cancelled.v1"})
