"""A record against its columns: each column that is a copy is compared, and nothing of what it holds is said."""

from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from shared.contracts.topics import shard_of
from shared.runtime.columns_check import COPIES, INSTANTS, Columns, compare
from tests.unit.checkin.examples import T0

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

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


class FakeLog:
    """A log whose head moves on by what other services say, with a few records of one topic."""

    def __init__(self, head: int, *rows: dict[str, Any]) -> None:
        self.head = head
        self.rows = rows
        self.asked: list[int] = []

    async def fetchval(self, _: str) -> int:
        return self.head

    async def fetch(self, _: str, topic: str, after: int, most: int) -> list[dict[str, Any]]:
        self.asked.append(after)
        return [one for one in self.rows if one["topic"] == topic and one["position"] > after][:most]


class NothingParked:
    """The troubles of a service that has set nothing aside."""

    service = "checkin"

    def stream_of_row(self, row: dict[str, Any]) -> str:
        return f"checkin_trouble-{row['visit_id']}"

    async def known(self, _: set[str]) -> dict[str, Any]:
        return {}


async def test_a_service_that_says_little_reads_nothing_of_what_others_said_a_second_time() -> None:
    made = FakeLog(10_000, row(position=9_900))
    columns = Columns(cast("Pool", made), cast("Troubles", NothingParked()))
    assert [found.place for found in await columns.look()] == ["position-9900"]
    made.head = 5_000_000
    assert await columns.look() == []
    made.rows = (row(position=4_999_999), row(position=5_000_001))
    assert [found.place for found in await columns.look()] == ["position-5000001"]
    assert made.asked == [9_500, 10_000, 5_000_000]
