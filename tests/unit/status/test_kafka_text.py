"""What people read of Kafka in ``lonewatch status``, from what the services answer."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.kafka_text import kafka_line, lag_lines

SINCE = "2026-03-02T09:00:00.000000Z"


def carried(**changes: Any) -> dict[str, Any]:
    """Return what a service says that follows one topic and publishes."""
    well: dict[str, Any] = {
        "replica": "1",
        "brokers": ["kafka.example:9092"],
        "following": {"state": "following", "entered_at": SINCE, "partitions": {"a": [0, 1], "b": [0, 1]}, "why": ""},
        "relay": {"state": "publishing", "entered_at": SINCE, "position": 7, "behind": 0, "why": ""},
        "applied": [{"consumer": "checkin", "topic": "a", "by_topic": 997, "by_log": 3, "by_log_alone": 40}],
        "lag": [],
    }
    return well | changes


def lag(seconds: float, shard: int = 7) -> dict[str, Any]:
    return {"consumer": "checkin", "topic": "a", "shard": shard, "positions": 12, "seconds": seconds}


def test_one_line_says_who_follows_how_much_came_by_topics_and_who_publishes() -> None:
    assert kafka_line(carried()) == (
        "kafka: following 4 partitions, 99.7 % of 1000 by topics; relay publishing, 0 behind (replica 1)"
    )


def test_one_record_by_the_log_among_many_is_not_rounded_away() -> None:
    many = carried(applied=[{"by_topic": 99_999, "by_log": 1, "by_log_alone": 0}])
    assert "99.9 % of 100000 by topics" in kafka_line(many)
    assert "100 % of 100000 by topics" in kafka_line(carried(applied=[{"by_topic": 100_000, "by_log": 0}]))


def test_what_was_read_while_no_topic_was_followed_is_no_share_of_it() -> None:
    alone = carried(applied=[{"by_topic": 0, "by_log": 0, "by_log_alone": 40}])
    assert "nothing by topics yet" in kafka_line(alone)


def test_what_cannot_connect_is_said_with_since_when_and_why() -> None:
    gone = {"state": "cannot_connect", "entered_at": SINCE, "partitions": {}, "why": "KafkaConnectionError"}
    relay = {"state": "cannot_connect", "entered_at": SINCE, "position": 7, "behind": 31, "why": "KafkaConnectionError"}
    line = kafka_line(carried(following=gone, relay=relay))
    assert line.startswith("kafka: cannot connect since 2026-03-02T09:00:00Z (KafkaConnectionError), ")
    assert "relay cannot connect since 2026-03-02T09:00:00Z (KafkaConnectionError), 31 behind" in line


@pytest.mark.parametrize(
    ("kafka", "line"),
    [
        (None, "kafka: not known, for this service did not answer"),
        (carried(brokers=[]), "kafka: not used; the log alone is followed"),
    ],
)
def test_a_service_without_kafka_and_one_that_did_not_answer_are_told_apart(
    kafka: dict[str, Any] | None, line: str
) -> None:
    assert kafka_line(kafka) == line


def test_shards_that_are_behind_by_more_than_a_second_are_listed_five_at_most_the_worst_first() -> None:
    services = {
        "checkin": {"kafka": carried(lag=[lag(1.0, shard=1), *(lag(2.0 + shard, shard) for shard in range(2, 7))])},
        "audit": {"kafka": carried(lag=[lag(60.25)])},
        "notifier": {"kafka": None},
        "escalation": {},
    }
    lines = list(lag_lines(services))
    assert lines[:2] == [
        "Behind, the worst first:",
        "  checkin, a, shard 7: 12 records, the oldest 60.2 s old",
    ]
    assert [line.split("shard ")[1][0] for line in lines[2:6]] == ["6", "5", "4", "3"]
    assert lines[6:] == ["  and 1 more (--json has all)"]


def test_nothing_is_listed_where_nothing_is_behind() -> None:
    assert list(lag_lines({"checkin": {"kafka": carried(lag=[lag(0.4)])}})) == []


def test_a_service_that_does_not_know_how_far_it_is_behind_is_not_taken_for_one_that_is_not() -> None:
    (line,) = lag_lines({"checkin": {"kafka": carried(lag=None)}})
    assert line == "The log does not say in time how far some are behind."
