"""The checker finds rows that were edited, renumbered or removed (I1, I2, I14, I16)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.judging.verdict import verdict

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

ROWS = {
    "an event is deleted": ("DELETE FROM log.event WHERE event_id = 'entry-r'", "I2", "is followed by"),
    "the last event is deleted": ("DELETE FROM log.event WHERE event_id = 'start-v2'", "I2", "head at"),
    "an event is renumbered": ("UPDATE log.event SET position = 900 WHERE event_id = 'end'", "I2", "is followed by"),
    "a version is skipped": ("UPDATE log.event SET version = 99 WHERE event_id = 'end'", "I2", "version 99 where"),
    "a column is edited": ("UPDATE log.event SET actor = 'eve' WHERE event_id = 'ack'", "I2", "column actor"),
    "an instant is edited": (
        "UPDATE log.event SET occurred_at = occurred_at + '1 s' WHERE event_id = 'ack'",
        "I2",
        "column occurred_at",
    ),
    "a record is edited": (
        """UPDATE log.event SET record = convert_to(replace(convert_from(record, 'UTF8'), 's1', 's2'), 'UTF8')
        WHERE event_id = 'ack'""",
        "I2",
        "column site_id",
    ),
    "a record is no JSON": ("UPDATE log.event SET record = '\\x00' WHERE event_id = 'entry-r'", "I2", "cannot be read"),
    "a shard is wrong": ("UPDATE log.event SET shard = 63 - shard WHERE event_id = 'ack'", "I2", "the shard"),
    "a topic is wrong": ("UPDATE log.event SET topic = 'lonewatch.audit.v1' WHERE event_id = 'ack'", "I2", "the topic"),
    "the incarnation is another": ("UPDATE log.head SET incarnation = gen_random_uuid()", "I2", "another incarnation"),
    "the head's time is another": ("UPDATE log.head SET recorded_at = 'infinity'", "I14", "of the head"),
    "an id is in the log twice": (
        """ALTER TABLE log.command DROP CONSTRAINT command_pkey;
        INSERT INTO log.command SELECT * FROM log.command WHERE id = 'in-1'""",
        "I1",
        "in log.command 2 times",
    ),
    "an id has half a place": (
        "UPDATE log.command SET last_position = NULL WHERE id = 'end'",
        "I1",
        "one position of two",
    ),
    "an id's place is backwards": (
        "UPDATE log.command SET first_position = 900 WHERE id = 'end'",
        "I1",
        "in the wrong order",
    ),
    "a log has no head": ("DELETE FROM log.head", "I2", "0 heads"),
    "an id points nowhere": ("UPDATE log.command SET last_position = 900 WHERE id = 'end'", "I1", "where no event is"),
    "an id points to another's event": (
        "UPDATE log.command SET id = 'x' WHERE id = 'end'",
        "I1",
        "another correlation",
    ),
    "an id points to an event of somebody else": (
        "UPDATE log.command SET source = 'http:eve' WHERE id = 'end'",
        "I1",
        "another actor",
    ),
    "two ids point to one event": (
        "UPDATE log.command SET (first_position, last_position) = (3, 3) WHERE id = 'end'",
        "I1",
        "two ids point",
    ),
    "a visit under way has no deadline": (
        "DELETE FROM log.deadline WHERE stream_id = 'visit-v2'",
        "I16",
        "no deadline is armed",
    ),
    "the deadline of a visit is moved": (
        "UPDATE log.deadline SET due_at = due_at + '1 s' WHERE stream_id = 'visit-v2'",
        "I16",
        "no deadline is armed",
    ),
    "an open escalation has no deadline": (
        "DELETE FROM log.deadline WHERE stream_id = 'escalation-v3'",
        "I16",
        "nothing falls due",
    ),
}


@pytest.mark.parametrize(("spoil", "invariant", "sentence"), ROWS.values(), ids=ROWS.keys())
async def test_a_spoilt_row_is_found(
    connection: Connection, tmp_path: Path, spoil: str, invariant: str, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, spoil=spoil, journal=())
    assert any(violation.invariant == invariant and sentence in violation.sentence for violation in found), found
