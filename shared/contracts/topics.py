"""Who owns what: topics, the stream kinds of each, and the shard of a stream.

The log enforces the same table (``log.owner``); a test compares the two.
"""

from __future__ import annotations

from hashlib import sha256

SHARDS = 64
"""Shards of the log, for ever: a follower's applied positions are rows per shard, so the number cannot change."""

VISITS = "lonewatch.visits.v1"
ESCALATIONS = "lonewatch.escalations.v1"
NOTIFICATIONS = "lonewatch.notifications.v1"
AUDIT = "lonewatch.audit.v1"

TOPIC_OF_SERVICE = {
    "checkin": VISITS,
    "escalation": ESCALATIONS,
    "notifier": NOTIFICATIONS,
    "audit": AUDIT,
}
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
    "checkin_trouble": VISITS,
    "escalation_trouble": ESCALATIONS,
    "notifier_trouble": NOTIFICATIONS,
    "audit_trouble": AUDIT,
}
"""What stands before the first hyphen of a stream id, and the topic whose owner alone may append to it."""


def topic_of(stream_id: str) -> str:
    """Return the topic that a stream belongs to. Raises KeyError for a kind that nobody owns."""
    return STREAM_KINDS[stream_id.partition("-")[0]]


def shard_of(subject: str) -> int:
    """Return the shard of a visit id, or of the stream id where there is no visit.

    The first 8 bytes of SHA-256, big-endian, modulo 64: design of the log, for ever.
    """
    return int.from_bytes(sha256(subject.encode()).digest()[:8], "big") % SHARDS
