"""Of what feeds counted, one that applied too little, too much or nothing is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from shared.contracts.topics import VISITS
from tests.support.applied import LOG, NEW, TOPIC, Feed, Followed, Mark, not_once

READ_MODEL = "audit.visits"
REACTION = "escalation:visits"
FOLLOWED = frozenset({Followed("audit", READ_MODEL, VISITS), Followed("escalation", REACTION, VISITS)})


def counted(audit: Mapping[str, int], escalation: Mapping[tuple[str, str], int]) -> Mark:
    """Return where three records stand that audit's only replica and escalation's two have counted."""
    counts = Counter({Feed("audit-1", READ_MODEL, VISITS, via): number for via, number in audit.items()})
    for (replica, via), number in escalation.items():
        counts[Feed(replica, REACTION, VISITS, via)] = number
    return Mark(Counter({VISITS: 3}), counts, FOLLOWED)


def test_three_records_that_replicas_and_both_ways_shared_are_applied_once() -> None:
    found = counted({TOPIC: 2, LOG: 1}, {("escalation-1", TOPIC): 1, ("escalation-2", TOPIC): 2})
    assert not_once(NEW, found) == []


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_feed_that_applied_too_little_or_too_much_is_found(number: int) -> None:
    found = counted({TOPIC: number}, {("escalation-1", TOPIC): 3})
    assert not_once(NEW, found) == [f"audit: {READ_MODEL} applied {number} records of {VISITS}, which has 3"]


def test_a_feed_that_never_counted_anything_is_found() -> None:
    found = counted({}, {("escalation-1", TOPIC): 3})
    assert not_once(NEW, found) == [f"audit: {READ_MODEL} applied 0 records of {VISITS}, which has 3"]


def test_what_was_counted_before_the_mark_counts_no_more() -> None:
    before = counted({TOPIC: 3}, {("escalation-1", TOPIC): 3})
    after = Mark(
        Counter({VISITS: 5}), before.counted + Counter({Feed("audit-1", READ_MODEL, VISITS, LOG): 2}), FOLLOWED
    )
    assert not_once(before, after) == [f"escalation: {REACTION} applied 0 records of {VISITS}, which has 2"]
