"""The checker passes a healthy log and finds a spoilt story (I1 to I6, I14, I16)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.checker import Timing
from tests.faults.judging.verdict import ARRIVALS, MISS_AND_STEP, saying_why, verdict
from tests.faults.made_up import HEALTHY, Story, again, changed, iso, minute, moved, sent, with_also, without

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection


async def test_a_healthy_log_passes(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, arrivals=ARRIVALS) == []


CLEAR = ("queued-c", "attempt-c", "entry-c", "accepted-c")
CHECK_IN_BEFORE = sent("in-x", 126, "visit-v1", "check_in_recorded", met_due_at=iso(121.5), due_at=iso(186))
CHECK_IN_AFTER = sent("in-y", 127, "visit-v1", "check_in_recorded", met_due_at=iso(121.5), due_at=iso(187))

STORIES: dict[str, tuple[Story, set[str], str]] = {
    "an id brings a second event": (with_also(again("in-2", "in-2b", 128.5)), {"I1"}, "did not bring"),
    "an event id is used twice": (changed("entry-c", name="entry-s"), {"I2"}, "2 events have one event id"),
    "recorded_at goes back": (changed("entry-c", minutes=130), {"I14"}, "before that of the event before"),
    "a cause is not in the log": (changed("queued-c", cause="nothing"), {"I3"}, "cause is not in the log"),
    "a trigger raises nothing": (without("joined"), {"I3", "I15", "I17"}, "opened or joined no escalation"),
    "a trigger raises two escalations": (
        with_also(again("joined", "joined-again")),
        {"I5"},
        "raised 2 escalations",
    ),
    "an escalation is of another visit": (changed("joined", visit_id="v2"), {"I3"}, "of another visit"),
    "an escalation has no trigger": (
        with_also(again("joined", "joined-again", trigger_event_id="in-1")),
        {"I3"},
        "trigger is not in the log",
    ),
    "an ask is never queued": (without(*CLEAR), {"I3", "I15"}, "v1.1.2 was asked for and never queued"),
    "a reminder is never queued": (
        without("queued-r", "attempt-r", "entry-r", "accepted-r"),
        {"I3", "I15"},
        "v1.r1 was asked for and never queued",
    ),
    "an ask is queued twice": (with_also(again("queued-c", "queued-d")), {"I3"}, "v1.1.2 is queued 2 times"),
    "a notification is queued that nobody asked for": (
        changed("resolve", data={"escalation_id": "v1.1", "asks": []}),
        {"I3"},
        "v1.1.2 is queued, and nobody asked",
    ),
    "a notification is queued for somebody else": (
        changed("queued-c", data={**again("queued-c", "").data, "recipient_id": "ben"}),
        {"I3"},
        "for another person",
    ),
    "one ask is made twice": (
        with_also(again("step-1", "step-x", 126.7, step=2)),
        {"I3", "I7"},
        "v1.1.1 is asked for twice",
    ),
    "a watch is not resumed": (without("resumed-1"), {"I3", "I4", "I15", "I16"}, "not resumed after escalation v1.1"),
    "a watch is resumed twice": (with_also(again("resumed-1", "resumed")), {"I3"}, "resumed 2 times"),
    "a watch is resumed without a cause": (
        with_also(again("resumed-1", "resumed", 145, escalation_id="v1.9")),
        {"I3"},
        "resumed before escalation v1.9",
    ),
    "a watch is resumed that no miss had stopped": (
        with_also(again("resumed-1", "resumed-2", 155.01, escalation_id="v1.2", due_at=iso(200))),
        {"I3"},
        "after v1.2, and none had stopped",
    ),
    "a miss is early": (moved(-0.2, *MISS_AND_STEP), {"I4"}, "before its deadline"),
    "a miss is late": (saying_why(moved(0.5, *MISS_AND_STEP)), {"I4"}, "too late"),
    "an escalation is late after a miss": (moved(0.5, *MISS_AND_STEP[1:]), {"I4", "I16"}, "later than 10 s"),
    "an escalation is late after a call for help": (moved(0.5, "joined"), {"I17"}, "later than 10 s"),
    "a check-in in time is in the log before its miss": (with_also(CHECK_IN_BEFORE), {"I4"}, "was not awaited"),
    "a check-in meets what was missed": (with_also(CHECK_IN_AFTER), {"I4"}, "meets a time at which none"),
    "a check-in is missed twice": (with_also(again("miss", "miss-2")), {"I3", "I4", "I15"}, "is missed 2 times"),
    "a miss names another deadline": (
        changed("miss", data={"due_at": iso(121.5), "missed_at": iso(120), "late": "nobody_looked_in_time"}),
        {"I4"},
        "names another deadline",
    ),
    "somebody is called after the acknowledgement": (
        with_also(again("attempt-s", "attempt-t", 130)),
        {"I6", "I8"},
        "although somebody has acknowledged",
    ),
    "an attempt is of nothing queued": (
        with_also(again("attempt-s", "attempt-t", 130, notification_id="v1.9.9")),
        {"I6", "I8"},
        "was not queued",
    ),
    "a missed visit is watched by nobody": (
        without("opened-1", "step-1", "queued-s", "attempt-s", "entry-s", "accepted-s"),
        {"I3", "I5", "I15", "I16"},
        "unwatched for longer than 10 s",
    ),
}


@pytest.mark.parametrize(("story", "invariants", "sentence"), STORIES.values(), ids=STORIES.keys())
async def test_a_spoilt_story_is_found(
    connection: Connection, tmp_path: Path, story: Story, invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=())
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


async def test_a_visit_that_nobody_watches_any_more_is_found(connection: Connection, tmp_path: Path) -> None:
    story = HEALTHY[: [fact.name for fact in HEALTHY].index("resolve") + 1]
    found = await verdict(connection, tmp_path, story, journal=(), now=141)
    assert ("I16", "the visit is unwatched since then") in {(one.invariant, one.sentence) for one in found}


async def test_a_deadline_that_passed_with_nothing_is_found(connection: Connection, tmp_path: Path) -> None:
    found = await verdict(connection, tmp_path, now=236.5)
    assert [(violation.invariant, violation.where.partition(",")[0]) for violation in found] == [("I4", "visit-v3")]


async def test_a_check_in_long_after_the_deadline_does_not_stand_for_a_miss(
    connection: Connection, tmp_path: Path
) -> None:
    late = sent("in-z", 241, "visit-v2", "check_in_recorded", met_due_at=iso(235), due_at=iso(301))
    story = with_also(late, sent("end-3", 200, "visit-v3", "ended"))
    spoil = "UPDATE log.deadline SET due_at = due_at + '66 minutes' WHERE stream_id = 'visit-v2'"
    found = await verdict(connection, tmp_path, story, now=242, spoil=spoil)
    assert [violation.sentence for violation in found] == ["a check-in came long after the deadline, and no miss"]


async def test_a_miss_may_wait_for_the_end_of_an_outage(connection: Connection, tmp_path: Path) -> None:
    down = Timing(outages=((minute(126.4), minute(126.95)),))
    assert await verdict(connection, tmp_path, saying_why(moved(0.5, *MISS_AND_STEP)), timing=down) == []


async def test_where_the_clock_was_moved_no_lateness_is_judged(connection: Connection, tmp_path: Path) -> None:
    moved_clock = Timing(clock_moved=True)
    assert await verdict(connection, tmp_path, saying_why(moved(0.5, *MISS_AND_STEP)), timing=moved_clock) == []


async def test_an_effect_that_may_still_come_is_not_missed(connection: Connection, tmp_path: Path) -> None:
    place = [fact.name for fact in HEALTHY].index("help-2")
    story = HEALTHY[: place + 1]
    spoil = "INSERT INTO log.deadline VALUES ('escalation-v1', 'step', '', 'made-up', 'infinity'),"
    spoil += f"('visit-v1', 'check_in_missed', '', 'made-up', '{iso(205)}')"
    spoil += "; UPDATE log.applied SET position = position - 1 WHERE position = (SELECT max(position) FROM log.event)"
    assert await verdict(connection, tmp_path, story, journal=(), spoil=spoil, now=151.1) == []
