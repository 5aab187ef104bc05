"""The checker accounts for every record: processed, or parked, kept, told and settled once (I15)."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.judging.poisoned import (
    BEHIND,
    ELSEWHERE,
    FOLLOWS,
    NEXT,
    OPEN,
    POISON,
    POISONED,
    READ_MODEL,
    SHARD,
    alarm,
    parked,
    settled,
)
from tests.faults.judging.verdict import verdict
from tests.faults.made_up import Story, sent, with_also

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

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
        with_also(POISONED, FOLLOWS, parked(), ELSEWHERE, *alarm()),
        {"I15"},
        "behind another visit's",
    ),
    "nobody set it aside": (with_also(POISONED), {"I2"}, "the record cannot be read"),
    "its escalation names nothing": (
        with_also(POISONED, parked(), *alarm(trigger_event_id="parked-7")),
        {"I3"},
        "trigger is not in the log",
    ),
}


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
    story = with_also(POISONED, help_9, parked(), replace(BEHIND, data=held), *alarm())
    found = await verdict(connection, tmp_path, story, spoil=with_bytes(NEXT), journal=())
    assert [(one.invariant, one.sentence) for one in found] == [
        ("I17", "what tells somebody is held back behind another record")
    ]


def with_bytes(position: int) -> str:
    """Return SQL that gives what is parked behind the poison the right digest: that of the bytes as they were written."""
    right = f"(SELECT encode(sha256(record), 'hex') FROM log.event WHERE position = {position})"  # noqa: S608 -- a test's own words
    wrong = sha256(POISON).hexdigest()
    return f"""{OPEN};
    UPDATE log.event SET record = convert_to(replace(convert_from(record, 'UTF8'), '{wrong}', {right}), 'UTF8')
    WHERE event_id = 'behind'"""  # noqa: S608 -- a test's own words
