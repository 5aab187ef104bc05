"""Who owns what: topics, who follows each, the stream kinds of each, and the shard of a stream.

The log enforces the same table (``log.owner``); a test compares the two. A topic carries what the log holds, record for
record: what it loses is read from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

SHARDS = 64
"""Shards of the log, for ever: a follower's applied positions are rows per shard, so the number cannot change."""

VISITS = "lonewatch.visits.v1"
ESCALATIONS = "lonewatch.escalations.v1"
NOTIFICATIONS = "lonewatch.notifications.v1"
AUDIT = "lonewatch.audit.v1"

PARTITIONS = 16
"""Of a topic, unless the operator makes another number: so many replicas of a service can share the work, and 64 shards
fall on them evenly."""

KEPT = timedelta(days=7)
"""How long a topic keeps its records: a follower that was away for longer reads the log, which keeps them all."""


COPIES = 3
"""Of a topic where there are as many brokers: one may be lost, and what was acknowledged is still in two."""

RETENTION = "retention.ms"
CLEANUP = "cleanup.policy"
ENOUGH = "min.insync.replicas"


@dataclass(frozen=True)
class Topic:
    """A topic of Kafka: who alone publishes it, which services follow it, and how long it keeps its records."""

    name: str
    owner: str
    followers: tuple[str, ...]
    about: str
    kept: timedelta = KEPT


TOPICS = (
    Topic(VISITS, "checkin", ("checkin", "escalation", "notifier", "audit"), "Visits, and what they rest on."),
    Topic(ESCALATIONS, "escalation", ("checkin", "escalation", "notifier", "audit"), "Who was asked, and who took it."),
    Topic(NOTIFICATIONS, "notifier", ("escalation", "notifier", "audit"), "Messages, attempts and replies."),
    Topic(AUDIT, "audit", ("escalation", "audit"), "Who read what, and troubles of the audit."),
)
"""Every topic. Its owner follows it too where it keeps a read model of what it says itself."""

TOPIC_OF_SERVICE = {topic.owner: topic.name for topic in TOPICS}
"""The one topic that each service appends to and publishes."""

STREAM_KINDS = {
    "site": VISITS,
    "worker": VISITS,
    "policy": VISITS,
    "assessment": VISITS,
    "visit": VISITS,
    "grant": VISITS,
    "escalation": ESCALATIONS,
    "notification": NOTIFICATIONS,
    "recipient": NOTIFICATIONS,
    "disclosure": AUDIT,
    "tree": AUDIT,
    "checkin_trouble": VISITS,
    "escalation_trouble": ESCALATIONS,
    "notifier_trouble": NOTIFICATIONS,
    "audit_trouble": AUDIT,
}
"""What stands before the first hyphen of a stream id, and the topic whose owner alone may append to it."""


def configuration_of(topic: Topic, copies: int = COPIES) -> Mapping[str, str]:
    """Return how a topic of so many copies is set on a broker, as Kafka names and writes it; all else is the operator's."""
    return {
        CLEANUP: "delete",  # every record is kept for its time: none stands for the one before it
        RETENTION: str(topic.kept // timedelta(milliseconds=1)),
        ENOUGH: str(max(1, copies - 1)),  # one copy may be away, and acknowledged is what the rest have
    }


def group_of(service: str) -> str:
    """Return the group of Kafka's in which a service's replicas share what its topics carry."""
    return f"lonewatch-{service}"


def topic_of(stream_id: str) -> str:
    """Return the topic that a stream belongs to. Raises KeyError for a kind that nobody owns."""
    return STREAM_KINDS[stream_id.partition("-")[0]]


def shard_of(subject: str) -> int:
    """Return the shard of a visit id, or of the stream id where there is no visit.

    The first 8 bytes of SHA-256, big-endian, modulo 64: design of the log, for ever.
    """
    return int.from_bytes(sha256(subject.encode()).digest()[:8], "big") % SHARDS


def partition_of(shard: int, partitions: int) -> int:
    """Return the partition that carries a shard: all records of a shard are in one, in the log's order."""
    return shard % partitions
