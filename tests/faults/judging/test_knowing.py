"""The checker finds a system that does not know, or does not say, that it cannot watch (I13)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.checker import Timing
from tests.faults.judging.verdict import JOURNAL, MISS_AND_STEP, line, saying_why, verdict
from tests.faults.made_up import HEALTHY, Fact, Story, iso, minute, moved

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

DOWN = Timing(outages=((minute(145), minute(149)),))
BEATS = [*(quarter / 4 for quarter in range(4 * 145)), 149.2, 149.7, 150]
RING = {"watch": {"impaired": True, "why": ["escalation"], "ring": "Ring the duty desk."}}


def said(operation: str, status: int | None = 200, answer: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a line of what somebody sent a minute into the outage, under an id that is not in the log."""
    return line(operation, "in-the-dark", 146, status, answer=answer)


async def test_a_heartbeat_that_stops_and_comes_back_passes(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, timing=DOWN, heartbeats=BEATS) == []


HEARTBEATS: dict[str, tuple[list[float], str]] = {
    "it goes on in an outage": ([*BEATS, 146.2], "came long after an outage began"),
    "it does not come back": ([at for at in BEATS if at < 149], "no heartbeat came after an outage"),
    "it was never there": ([at for at in BEATS if at > 149], "no heartbeat came before an outage"),
}


@pytest.mark.parametrize(("beats", "sentence"), HEARTBEATS.values(), ids=HEARTBEATS.keys())
async def test_a_wrong_heartbeat_is_found(
    connection: Connection, tmp_path: Path, beats: list[float], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, timing=DOWN, heartbeats=beats)
    assert [violation.invariant for violation in found] == ["I13"]
    assert sentence in found[0].sentence


SOUND: dict[str, dict[str, Any]] = {
    "a refused start": said("start_visit", 503, RING),
    "a check-in that nobody could take": said("check_in", 503, RING),
    "no answer at all": said("check_in", None),
    "an approval of long ago that is sent again": line("approve_visit", "approve-v1", 146, source="http:anna"),
    "a call for help": line("ask_for_help", "help-0", 146, answer=RING),
}
HELP_IN_THE_DARK = Fact(
    "help-0", 146, "visit-v1", "visit.help_requested.v1", key="help-0", actor="w1"
)  # joined as soon as it can be
JOINED = Fact(
    "joined-0",
    146.01,
    "escalation-v1",
    "escalation.opened.v1",
    {
        "escalation_id": "v1.0",
        "trigger": "help",
        "trigger_event_id": "help-0",
        "ladder_no": 1,
        "ladder": None,
    },
)
OVER = Fact("over-0", 149.1, "escalation-v1", "escalation.stood_down.v1", {"escalation_id": "v1.0", "asks": []})


def in_the_dark() -> Story:
    """Return the healthy story with a call for help in the middle of the outage."""
    return tuple(sorted((*HEALTHY, HELP_IN_THE_DARK, JOINED, OVER), key=lambda fact: fact.minutes))


@pytest.mark.parametrize("noted", SOUND.values(), ids=SOUND.keys())
async def test_an_answer_that_says_so_passes(connection: Connection, tmp_path: Path, noted: dict[str, Any]) -> None:
    assert await verdict(connection, tmp_path, in_the_dark(), journal=[noted], timing=DOWN) == []


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "a start is accepted": (said("start_visit", 201, RING), "start_visit was accepted while"),
    "an approval is accepted": (said("approve_visit", 200, RING), "approve_visit was accepted while"),
    "a check-in is taken as if nothing were wrong": (
        line("check_in", "in-1", 146, answer={"position": 9}),
        "whom to ring",
    ),
    "the answer to a call for help says nobody to ring": (
        line("ask_for_help", "help-0", 146, answer={"watch": {"impaired": True, "why": []}}),
        "whom to ring",
    ),
    "the answer to a call for help says that all is well": (
        line("ask_for_help", "help-0", 146, answer={"watch": {"impaired": False, "ring": "Ring the duty desk."}}),
        "whom to ring",
    ),
    "an end is refused without a word": (said("end_visit", 503), "whom to ring"),
    "an acknowledgement is taken without a word": (said("acknowledge"), "whom to ring"),
}


@pytest.mark.parametrize(("noted", "sentence"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_does_not_say_so_is_found(
    connection: Connection, tmp_path: Path, noted: dict[str, Any], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, in_the_dark(), journal=[noted], timing=DOWN)
    assert [one.sentence for one in found if one.invariant == "I13" and sentence in one.sentence], found


def outage(from_minutes: float, to_minutes: float) -> Fact:
    """Return what checkin says of its own absence, just before it records the miss."""
    data = {"service": "checkin", "from_at": iso(from_minutes), "to_at": iso(to_minutes), "overdue": 0}
    stream = "checkin_trouble-outage"
    return Fact("outage", to_minutes, stream, "trouble.outage_recorded.v1", data, visit_id=None)


def returned(late: str | None, gone: tuple[float, float] | None = (126.3, 126.95)) -> Story:
    """Return the story whose miss is recorded when checkin came back, half a minute late."""
    story = moved(0.5, *MISS_AND_STEP)
    told = saying_why(story, late) if late else story
    return tuple(sorted((*told, *([outage(*gone)] if gone else ())), key=lambda fact: fact.minutes))


AWAY = Timing(outages=((minute(126.3), minute(126.95)),))


async def test_a_miss_that_fell_into_an_outage_and_says_so_passes(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, returned("system_outage"), journal=(), timing=AWAY) == []


MISSES: dict[str, tuple[Story, str]] = {
    "a worker's silence is said where the outage was ours": (
        returned("nobody_looked_in_time"),
        "fell into an outage of ours and does not say so",
    ),
    "an outage is blamed that never was": (returned("system_outage", None), "blames an outage that is not in the log"),
    "an outage is blamed that was at another time": (
        returned("system_outage", (40, 41)),
        "blames an outage that is not in the log",
    ),
    "a late miss does not say why": (returned(None, None), "is late and does not say why"),
}


@pytest.mark.parametrize(("story", "sentence"), MISSES.values(), ids=MISSES.keys())
async def test_a_miss_that_says_the_wrong_thing_is_found(
    connection: Connection, tmp_path: Path, story: Story, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=(), timing=AWAY)
    assert [(violation.invariant, sentence in violation.sentence) for violation in found] == [("I13", True)]


async def test_outside_an_outage_nothing_is_expected_of_an_answer(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, journal=JOURNAL, timing=DOWN) == []
