"""What nobody can read does not stop the checker, nor does it pass as sound where nobody set it aside (I2, I15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.judging.poisoned import (
    OPEN,
    POISON,
    POISONED,
    alarm,
    parked,
)
from tests.faults.judging.verdict import verdict
from tests.faults.made_up import HEALTHY, Fact, raised, sent, with_also

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

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
    poison = replace(POISONED, record=record)
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
    story = tuple(replace(fact, data=spoilt(fact.data)) if fact.name == "start-v2" else fact for fact in HEALTHY)
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


async def test_an_episode_whose_opening_cannot_be_read_may_be_begun_again(
    connection: Connection, tmp_path: Path
) -> None:
    lost = {**raised("opened", 178, "lost-1", "v3.2").data, "trigger": "trouble"}
    again = Fact("opened-4", 178, "escalation-v3", "escalation.opened.v1", lost, visit_id="v3")
    story = with_also(again)
    assert ("I3", "an escalation is raised for an opening that can be read") in {
        (one.invariant, one.sentence) for one in await verdict(connection, tmp_path, story, journal=())
    }


async def test_beginning_again_is_sound_where_the_opening_is_parked(connection: Connection, tmp_path: Path) -> None:
    place = [fact.name for fact in HEALTHY].index("opened-3") + 1
    torn = tuple(replace(fact, record=POISON) if fact.name == "opened-3" else fact for fact in HEALTHY)
    shard = int.from_bytes(sha256(b"v3").digest()[:8], "big") % 64
    named: dict[str, Any] = {"topic": "lonewatch.escalations.v1", "shard": shard, "position": place, "visit_id": "v3"}
    named |= {"record_stream_id": "escalation-v3", "record_type": "escalation.opened.v1"}
    aside = parked("parked", 177.0, parked_id=f"escalation.{place}", **named)
    aside = Fact(
        **{**vars(aside), "minutes": 177.0, "cause": None, "visit_id": "v3", "stream_id": "escalation_trouble-v3"}
    )
    lost = {**raised("opened", 177.05, "lost-1", "v3.2").data, "trigger": "trouble"}
    again = Fact("opened-4", 177.05, "escalation-v3", "escalation.opened.v1", lost, visit_id="v3")
    help_again = raised("joined-4", 172.02, "help-3", "v3.1")
    story = tuple(sorted((*torn, aside, again, help_again), key=lambda fact: fact.minutes))
    assert await verdict(connection, tmp_path, story, journal=()) == []
