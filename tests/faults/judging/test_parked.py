"""The checker accounts for every record: processed, or parked, kept, told and settled once (I15); poison does not stop it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.judging.verdict import verdict
from tests.faults.made_up import HEALTHY, Fact, Story, raised, sent, step, with_also

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

POISON = b"a check-in was missed, roughly"
POISONED = Fact("poison", 177, "visit-v9", "visit.check_in_missed.v1", visit_id="v9", record=POISON)
PLACE = len(HEALTHY) + 1
"""The position of the poison: it comes after the whole story."""

SHARD = int.from_bytes(sha256(b"v9").digest()[:8], "big") % 64


def parked(name: str = "parked", minutes: float = 177.05, consumer: str = "escalation", **more: Any) -> Fact:
    """Return that a consumer has set the poison aside."""
    service = consumer.partition(".")[0]
    data = {
        "service": service,
        "parked_id": f"{consumer}.{PLACE}",
        "consumer": consumer,
        "topic": "lonewatch.visits.v1",
        "shard": SHARD,
        "position": PLACE,
        "record_type": "visit.check_in_missed.v1",
        "record_stream_id": "visit-v9",
        "visit_id": "v9",
        "site_id": "s1",
        "reason": "undecodable",
        "detail": "whole: json_invalid",
        "sha256": sha256(POISON).hexdigest(),
        "behind": None,
    }
    stream = f"{service}_trouble-v9"
    return Fact(name, minutes, stream, "trouble.record_parked.v1", {**data, **more}, "poison", visit_id="v9")


def alarm(minutes: float = 177.1, **more: Any) -> Story:
    """Return the escalation of the visit, by the record that is parked."""
    opened = raised("opened-9", minutes, f"parked-{PLACE}", "v9.1")
    data = {**opened.data, "trigger": "trouble", **more}
    return (
        Fact("opened-9", minutes, opened.stream_id, opened.type, data, "parked", visit_id="v9"),
        step("step-9", minutes, "v9.1", 1, 300),
    )


def settled(name: str, minutes: float, kind: str, parked_id: str = f"escalation.{PLACE}") -> Fact:
    """Return what somebody did about the parked record."""
    data = {"parked_id": parked_id, "by": "anna"}
    return Fact(name, minutes, "escalation_trouble-v9", f"trouble.record_{kind}.v1", data, visit_id="v9")


NEXT = PLACE + 1
FOLLOWS = sent("next", 177.01, "visit-v9", "late_check_in_recorded", missed_due_at="2026-03-02T09:00:00Z")
BEHIND = parked(
    "behind",
    177.06,
    parked_id=f"escalation.{NEXT}",
    position=NEXT,
    record_type="visit.late_check_in_recorded.v1",
    behind=f"escalation.{PLACE}",
)

READ_MODEL = parked("parked-list", 177.06, "checkin.visit")
OPEN = "INSERT INTO log.deadline VALUES ('escalation-v9', 'step', '', 'made-up', 'infinity')"

SOUND: dict[str, Story] = {
    "parked by two consumers and told once": with_also(POISONED, parked(), READ_MODEL, *alarm()),
    "mended and replayed": with_also(
        POISONED, parked(), *alarm(), settled("mended", 178, "mended"), settled("replayed", 178.1, "replayed")
    ),
    "discarded": with_also(POISONED, parked(), *alarm(), settled("discarded", 178, "discarded")),
}


@pytest.mark.parametrize("story", SOUND.values(), ids=SOUND.keys())
async def test_a_record_that_is_parked_and_told_passes(connection: Connection, tmp_path: Path, story: Story) -> None:
    assert await verdict(connection, tmp_path, story, spoil=OPEN, journal=()) == []


SPOILT: dict[str, tuple[Story, set[str], str]] = {
    "nobody is told": (with_also(POISONED, parked()), {"I15"}, "nobody is told"),
    "somebody is told late": (with_also(POISONED, parked(), *alarm(177.3)), {"I15"}, "later than 10 s"),
    "it is parked twice": (with_also(POISONED, parked(), parked("again", 177.2), *alarm()), {"I15"}, "parked twice"),
    "its bytes are others": (
        with_also(POISONED, parked(sha256=sha256(b"other").hexdigest()), *alarm()),
        {"I15"},
        "bytes of a parked record are not in the log",
    ),
    "it names another place": (
        with_also(POISONED, parked(shard=SHARD - 1), *alarm()),
        {"I15"},
        "not of the place that it names",
    ),
    "it is settled twice": (
        with_also(POISONED, parked(), *alarm(), settled("a", 178, "replayed"), settled("b", 178.1, "discarded")),
        {"I15"},
        "was settled before",
    ),
    "what was never parked is replayed": (
        with_also(POISONED, parked(), *alarm(), settled("a", 178, "replayed", "escalation.7")),
        {"I15"},
        "was never parked",
    ),
    "another visit's record waits behind it": (
        with_also(POISONED, FOLLOWS, parked(), Fact(**{**vars(BEHIND), "data": {**BEHIND.data, "visit_id": "v2", "record_stream_id": "visit-v2"}}), *alarm()),
        {"I15"},
        "behind another visit's",
    ),
    "nobody set it aside": (with_also(POISONED), {"I2"}, "the record cannot be read"),
    "its escalation names nothing": (
        with_also(POISONED, parked(), *alarm(trigger_event_id="parked-7")),
        {"I3"},
        "trigger is not in the log",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("story", "invariants", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_a_record_that_is_parked_wrongly_is_found(
    connection: Connection, tmp_path: Path, story: Story, invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, spoil=OPEN, journal=())
    assert any(sentence in violation.sentence for violation in found), found
    assert {violation.invariant for violation in found} >= invariants


async def test_what_follows_of_the_visit_may_wait_behind_it(connection: Connection, tmp_path: Path) -> None:
    story = with_also(POISONED, FOLLOWS, parked(), BEHIND, *alarm())
    found = await verdict(connection, tmp_path, story, spoil=with_bytes(NEXT), journal=())
    assert found == []


async def test_a_call_for_help_may_not_wait_behind_it(connection: Connection, tmp_path: Path) -> None:
    held = {**BEHIND.data, "record_type": "visit.help_requested.v1"}
    help_9 = sent("next", 177.01, "visit-v9", "help_requested")
    story = with_also(POISONED, help_9, parked(), Fact(**{**vars(BEHIND), "data": held}), *alarm())
    found = await verdict(connection, tmp_path, story, spoil=with_bytes(NEXT), journal=())
    assert [(one.invariant, one.sentence) for one in found] == [
        ("I17", "what tells somebody is held back behind another record")
    ]


def with_bytes(position: int) -> str:
    """Return SQL that gives what is parked behind the poison the right digest: that of the bytes as they were written."""
    right = f"(SELECT encode(sha256(record), 'hex') FROM log.event WHERE position = {position})"
    wrong = sha256(POISON).hexdigest()
    return f"""{OPEN};
    UPDATE log.event SET record = convert_to(replace(convert_from(record, 'UTF8'), '{wrong}', {right}), 'UTF8')
    WHERE event_id = 'behind'"""  # noqa: S608 -- a test's own words


UNREADABLE: dict[str, bytes] = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe\x00\x80",
    "a list": b"[]",
    "null": b"null",
    "deeper than anybody reads": b"[" * 100_000,
    "a number": b"9" * 1000,
    "an object of nothing": b"{}",
}


@pytest.mark.parametrize("record", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_nobody_can_read_does_not_stop_the_checker(
    connection: Connection, tmp_path: Path, record: bytes
) -> None:
    poison = Fact(**{**vars(POISONED), "record": record})
    told = with_also(poison, parked(sha256=sha256(record).hexdigest()), *alarm())
    assert await verdict(connection, tmp_path, told, spoil=OPEN, journal=()) == []


DATA: dict[str, Callable[[Any], Any]] = {
    "no data of its own": lambda _: {},
    "an instant that is none": lambda data: {**data, "due_at": "soon"},
    "null": lambda _: None,
}


@pytest.mark.parametrize("spoilt", DATA.values(), ids=DATA.keys())
async def test_data_of_another_shape_is_a_record_that_cannot_be_read(
    connection: Connection, tmp_path: Path, spoilt: Callable[[Any], Any]
) -> None:
    story = tuple(
        Fact(**{**vars(fact), "data": spoilt(fact.data)}) if fact.name == "start-v2" else fact for fact in HEALTHY
    )
    found = await verdict(connection, tmp_path, story, journal=())
    assert ("I2", "the record cannot be read") in {(one.invariant, one.sentence) for one in found}


BEHIND_THE_LOG: dict[str, tuple[str, str]] = {
    "a record was passed and has no effect": (
        "DELETE FROM log.deadline WHERE stream_id = 'nobody'",
        "escalation has passed it without effect, and not parked it",
    ),
    "a record was neither processed nor parked": (
        "UPDATE log.applied SET position = 0 WHERE consumer = 'escalation'",
        "escalation has neither processed nor parked it",
    ),
}


@pytest.mark.parametrize(("spoil", "sentence"), BEHIND_THE_LOG.values(), ids=BEHIND_THE_LOG.keys())
async def test_a_record_that_was_lost_on_its_way_is_found(
    connection: Connection, tmp_path: Path, spoil: str, sentence: str
) -> None:
    story = with_also(sent("help-9", 175.5, "visit-v9", "help_requested"))
    found = await verdict(connection, tmp_path, story, spoil=spoil, journal=())
    assert any(one.invariant == "I15" and sentence in one.sentence for one in found), found
