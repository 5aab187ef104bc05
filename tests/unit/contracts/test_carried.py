"""What the headers of a record say: the same when they are read, refused when they are wrong, a CloudEvent to others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.carried import Carried, Headers, NotCarried, Place, headers_of, read
from shared.contracts.topics import SHARDS, VISITS
from shared.runtime.records import instant

PLACE = Place(position=42, shard=3, incarnation="018f", predecessor=17)
RECORD = b'{"incarnation":"018f","position":42}'
LARGEST = 2**63 - 1


def headers(**changes: bytes | None) -> Headers:
    """Return the headers of a record, with some of them changed or (None) left out."""
    made = dict(headers_of(PLACE, "e1", "visit.started.v1", "visit-v1", "2026-03-02T09:00:00.000000Z", "checkin", "v1"))
    return [(name, value) for name, value in {**made, **changes}.items() if value is not None]


def test_what_comes_by_a_topic_is_what_was_sent() -> None:
    assert read(VISITS, headers(), RECORD) == Carried(VISITS, PLACE, "visit.started.v1", "e1", "visit-v1", RECORD)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
PLACES = st.integers(1, LARGEST).flatmap(
    lambda position: st.builds(
        Place,
        position=st.just(position),
        shard=st.integers(0, SHARDS - 1),
        incarnation=TEXTS,
        predecessor=st.integers(0, position - 1),
    )
)


@given(place=PLACES, event_id=TEXTS, type_=TEXTS, stream_id=TEXTS, record=st.binary())
def test_whatever_can_be_said_is_read_as_it_was_said(
    place: Place, event_id: str, type_: str, stream_id: str, record: bytes
) -> None:
    made = headers_of(place, event_id, type_, stream_id, "2026-03-02T09:00:00.000000Z", "checkin", "v1")
    assert read(VISITS, made, record) == Carried(VISITS, place, type_, event_id, stream_id, record)


@given(made=st.lists(st.tuples(st.sampled_from([name for name, _ in headers()]), st.binary()), max_size=20))
def test_no_headers_at_all_make_anything_else_fail(made: Headers) -> None:
    try:
        found = read(VISITS, made, RECORD)
    except NotCarried:
        return
    assert found.record == RECORD
    assert found.place.predecessor < found.place.position


def test_headers_that_nobody_knows_are_passed_over() -> None:
    assert read(VISITS, [("traceparent", b"\xff"), *headers(), ("correlation_id", b"c")], RECORD).place == PLACE


@pytest.mark.parametrize(
    "name", ["ce_position", "ce_shard", "ce_incarnation", "ce_predecessor", "ce_type", "ce_id", "ce_subject"]
)
def test_without_one_of_these_headers_it_is_no_record_of_ours(name: str) -> None:
    with pytest.raises(NotCarried, match=name):
        read(VISITS, headers(**{name: None}), RECORD)
    with pytest.raises(NotCarried, match=name):
        read(VISITS, headers(**{name: b"\xff"}), RECORD)
    with pytest.raises(NotCarried, match=name):  # Kafka knows headers without a value
        read(VISITS, [(one, None if one == name else value) for one, value in headers()], RECORD)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("ce_position", "ce_shard", "ce_predecessor")
            for value in (b"", b"-1", b"1.0", b" 1", b"1_0")
        ),
        ("ce_position", "٣".encode()),
        ("ce_position", b"9" * 5000),
        ("ce_position", str(LARGEST + 1).encode()),
        ("ce_position", b"0"),
        ("ce_shard", str(SHARDS).encode()),
        ("ce_predecessor", b"42"),
    ],
)
def test_a_number_that_cannot_be_is_refused(name: str, value: bytes) -> None:
    with pytest.raises(NotCarried):
        read(VISITS, headers(**{name: value}), RECORD)


def test_others_read_it_as_a_cloud_event_and_would_send_the_same_headers() -> None:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    made = dict(headers_of(PLACE, "e1", "visit.started.v1", "visit-v1", instant(at), "checkin", "v1"))
    event = from_binary_event(KafkaMessage(made, b"v1", RECORD))
    assert (event.get_id(), event.get_type(), event.get_subject()) == ("e1", "visit.started.v1", "visit-v1")
    assert (event.get_source(), event.get_time()) == ("/lonewatch/018f/checkin", at)
    assert event.get_data() == {"incarnation": "018f", "position": 42}
    again = to_binary_event(event)
    assert again.key == "v1"
    assert {**again.headers, "ce_time": made["ce_time"]} == made
