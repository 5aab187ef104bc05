"""The checker counts calls (I8), and matches what a call carried with what was recorded (I6)."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.judging.verdict import ARRIVALS, arrival, verdict
from tests.faults.made_up import Fact, Story, ask, changed, entered, iso, step, told, with_also, without

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

BUNDLED = ("v1.2.1", "v1.2.2")
BUNDLE = "bundle-" + sha256(b"v1.2.1.m v1.2.2.m").hexdigest()[:40]
ASKS = step("step-2", 150.01, "v1.2", 1, 156, asks=[*ask("v1.2.1"), *ask("v1.2.2")]).data


def call(number: int, minutes: float, bundled: tuple[str, ...] = BUNDLED, *, entry: tuple[str, ...] = BUNDLED) -> Story:
    """Return the n-th call of a bundle: an attempt of each notification, and the one entry of the person called."""
    attempts = tuple(
        Fact(
            f"attempt-{one}-{number}",
            minutes,
            f"notification-{one}",
            "notification.attempt_started.v1",
            {"notification_id": one, "message_id": f"{one}.m", "attempt": number, "call_id": BUNDLE},
        )
        for one in bundled
    )
    return (*attempts, entered(f"entry-b{number}", minutes, "anna", BUNDLE, *entry, attempt=number))


def with_bundle(*facts: Fact) -> Story:
    """Return the healthy story in which a step asks for two notifications, with more events."""
    queued = tuple(told(one, 150.02, one, "anna", "step-2", "step", 1)[0] for one in BUNDLED)
    asking = changed("step-2", data=ASKS)
    return tuple(sorted((*asking, *queued, *facts), key=lambda fact: fact.minutes))


def accepted(number: int, minutes: float) -> Story:
    """Return that both messages of the bundle were taken."""
    return tuple(
        Fact(
            f"accepted-{one}",
            minutes,
            f"notification-{one}",
            "notification.attempt_accepted.v1",
            {"notification_id": one, "message_id": f"{one}.m", "attempt": number},
        )
        for one in BUNDLED
    )


def carrying(minutes: float, *notification_ids: str) -> dict[str, Any]:
    """Return the arrival of a bundle."""
    return arrival(BUNDLE, minutes) | {"notification_ids": list(notification_ids)}


TWICE = with_bundle(*call(1, 150.05), *call(2, 150.2), *accepted(2, 150.21))
ARRIVED = (*ARRIVALS, carrying(150.06, *BUNDLED), carrying(150.205, *BUNDLED))


async def test_a_bundle_that_went_again_as_it_was_passes(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, TWICE, arrivals=ARRIVED) == []


async def test_a_notification_that_was_withdrawn_at_once_needs_no_attempt(
    connection: Connection, tmp_path: Path
) -> None:
    gone = [
        Fact(f"gone-{one}", 150.1, f"notification-{one}", "notification.withdrawn.v1", {"notification_id": one})
        for one in BUNDLED
    ]
    held = {"escalation_id": "v1.2", "ladders": [1], "runs_out_at": iso(165)}
    taken = Fact("taken", 150.08, "escalation-v1", "escalation.acknowledged.v1", held)
    assert await verdict(connection, tmp_path, with_bundle(taken, *gone)) == []


def calls(number: int, seconds: float) -> Story:
    """Return calls of one message, so many seconds apart."""
    return tuple(
        fact
        for one in range(2, number + 2)
        for fact in (
            Fact(
                f"attempt-r{one}",
                61.02 + one * seconds / 60,
                "notification-v1.r1",
                "notification.attempt_started.v1",
                {"notification_id": "v1.r1", "message_id": "v1.r1.m", "attempt": one},
            ),
            entered(f"entry-r{one}", 61.02 + one * seconds / 60, "w1", "v1.r1.m", "v1.r1", attempt=one),
        )
    )


SPOILT: dict[str, tuple[Story, str]] = {
    "somebody is called 35 times in a minute": (with_also(*calls(34, 1.5)), "more than 34 calls within 60 s"),
    "a message is attempted 21 times": (with_also(*calls(20, 30)), "was attempted 21 times"),
    "a first attempt never comes": (
        without("attempt-c", "entry-c", "accepted-c"),
        "the first attempt of v1.1.2.m did not come",
    ),
    "a first attempt of a bundle is late": (with_bundle(*call(1, 150.3)), "the first attempt of v1.2.1.m came late"),
    "one of a bundle is left out": (
        with_bundle(*call(1, 150.05, BUNDLED[:1], entry=BUNDLED[:1])),
        "the first attempt of v1.2.2.m did not come",
    ),
    "a call is not in the person's stream": (without("entry-c"), "and 0 are in the stream of the person"),
    "a bundle's id does not follow from what it carries": (
        with_bundle(*call(1, 150.05, (*BUNDLED, "v1.1.2"), entry=(*BUNDLED, "v1.1.2"))),
        "is not the id of what it carries",
    ),
    "a bundle goes again with less in it": (
        with_bundle(*call(1, 150.05), *call(2, 150.2, BUNDLED[:1], entry=BUNDLED[:1])),
        "went again under its id with something else",
    ),
}


@pytest.mark.parametrize(("story", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_what_breaks_the_ceiling_or_a_first_attempt_is_found(
    connection: Connection, tmp_path: Path, story: Story, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=())
    assert {violation.invariant for violation in found} == {"I8"}
    assert any(sentence in violation.sentence for violation in found), found


SINKS: dict[str, tuple[list[dict[str, Any]], set[str], str]] = {
    "a bundle carries what was not attempted": (
        [*ARRIVED[:-1], carrying(150.205, *BUNDLED, "v1.2.9")],
        {"I6"},
        "of v1.2.9 arrived, and 0 attempts",
    ),
    "a bundle arrives more often than attempted": (
        [*ARRIVED, carrying(150.4, "v1.2.1")],
        {"I6"},
        "call 3 of v1.2.1 arrived, and 2 attempts",
    ),
    "a bundle was accepted and never arrived": (list(ARRIVALS), {"I3"}, "the sinks took 0"),
    "35 calls arrive in half a minute": (
        [*ARRIVED, *(carrying(150.3 + one / 120, "v1.2.1") for one in range(35))],
        {"I6", "I8"},
        "more than 34 calls within 38 s",
    ),
}


@pytest.mark.parametrize(("arrivals", "invariants", "sentence"), SINKS.values(), ids=SINKS.keys())
async def test_a_bundle_that_arrives_otherwise_is_found(
    connection: Connection, tmp_path: Path, arrivals: list[dict[str, Any]], invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, TWICE, arrivals=arrivals)
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


async def test_a_test_alarm_needs_nobody_who_asks(connection: Connection, tmp_path: Path) -> None:
    test = told("t", 177, "t1", "anna", "start-v2", "test", None)
    own = Fact(
        "queued-t", 177, "notification-t1", "notification.queued.v1", {**test[0].data, "asked_by": test[0].stream_id}
    )
    assert await verdict(connection, tmp_path, with_also(own, *test[1:])) == []
