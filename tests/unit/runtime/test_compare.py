"""A record against its columns: each column that is a copy is compared, and nothing of what it holds is said."""

from typing import Any

import orjson
import pytest

from shared.contracts.topics import shard_of
from shared.runtime.columns_check import COPIES, INSTANTS, compare
from tests.unit.checkin.examples import T0

RECORD: dict[str, Any] = {
    "incarnation": "test",
    "position": 7,
    "recorded_at": T0.isoformat(),
    "topic": "lonewatch.visits.v1",
    "shard": shard_of("visit1"),
    "stream_id": "visit-visit1",
    "version": 1,
    "type": "visit.planned.v1",
    "visit_id": "visit1",
    "site_id": "site1",
    "event_id": "event1",
    "correlation_id": "request1",
    "causation_id": None,
    "actor": "anna",
    "release": "0.1.0",
    "occurred_at": T0.isoformat(),
    "data": {},
    "salt": "00",
}


def row(record: object = RECORD, **changes: Any) -> dict[str, Any]:
    """Return a row of the log with this record."""
    columns = {name: RECORD[name] for name in COPIES} | dict.fromkeys(INSTANTS, T0)
    return {**columns, "record": orjson.dumps(record), **changes}


def test_a_row_that_is_as_its_record_differs_in_nothing() -> None:
    assert compare(row()) is None


@pytest.mark.parametrize("column", [*COPIES, *INSTANTS])
def test_each_column_that_differs_is_named_and_not_shown(column: str) -> None:
    found = compare(row({**RECORD, column: "canary"}))
    assert found is not None
    assert (found.place, found.expected) == ("position-7", f"{column} as in the record")
    assert "canary" not in found.found
    assert found.mended is False


def test_a_shard_that_is_not_the_visit_s_differs_even_where_the_record_agrees() -> None:
    found = compare(row({**RECORD, "shard": 99}, shard=99))
    assert found is not None
    assert found.expected == "shard as in the record"


@pytest.mark.parametrize("record", [b"\xff", b"[]"])
def test_bytes_that_are_no_record_are_left_to_the_feed(record: bytes) -> None:
    assert compare({**row(), "record": record}) is None


def test_what_is_no_id_is_not_taken_for_the_visit_concerned() -> None:
    found = compare(row({**RECORD, "visit_id": "no id", "site_id": 5}))
    assert found is not None
    assert (found.visit_id, found.site_id) == (None, None)
