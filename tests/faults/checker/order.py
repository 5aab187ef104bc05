"""I2 and I14: positions and versions without gaps, time that never goes back, and columns that are copies of the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Log, Row, Violation, instant
from tests.faults.checker.shapes import readable

COPIES = (
    "position",
    "topic",
    "shard",
    "stream_id",
    "version",
    "type",
    "visit_id",
    "site_id",
    "event_id",
    "correlation_id",
    "causation_id",
    "actor",
    "release",
    "occurred_at",
    "recorded_at",
)
"""Every column of log.event but the record; each is a member of it."""

INSTANTS = frozenset({"occurred_at", "recorded_at"})

TOPICS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("site", "worker", "policy", "assessment", "visit", "grant"), "lonewatch.visits.v1"),
        "escalation": "lonewatch.escalations.v1",
        **dict.fromkeys(("notification", "recipient"), "lonewatch.notifications.v1"),
        "disclosure": "lonewatch.audit.v1",
        "tree": "lonewatch.audit.v1",
        "checkin_trouble": "lonewatch.visits.v1",
        "escalation_trouble": "lonewatch.escalations.v1",
        "notifier_trouble": "lonewatch.notifications.v1",
        "audit_trouble": "lonewatch.audit.v1",
    }
)
"""Which topic a stream belongs to, by what stands before its first hyphen: written down here once more, on purpose."""

SHARDS = 64


def judge_order(evidence: Evidence) -> Iterator[Violation]:
    """Return what is wrong with the log as a sequence. A record that a service has set aside is known to be wrong."""
    log = evidence.log
    yield from _positions(log)
    yield from _versions(log)
    yield from _time(log)
    known = {head.incarnation for head in log.heads}
    for row in log.rows:
        yield from _place(row)
        if not any(parked.data.get("behind") is None for parked in log.parked.get(row.columns["position"], ())):
            yield from _copies(row)
            if row.members is not None and row.members.get("incarnation") not in known:
                yield Violation("I2", "the record is of another incarnation than the log", row.where)
    for event_id, times in Counter(row.columns["event_id"] for row in log.rows).items():
        if times > 1:
            yield Violation("I2", f"{times} events have one event id", event_id)


def _positions(log: Log) -> Iterator[Violation]:
    if len(log.heads) != 1:
        yield Violation("I2", f"the log has {len(log.heads)} heads instead of one", "log.head")
        return
    positions = [row.columns["position"] for row in log.rows]
    for before, after in pairwise([0, *positions, log.heads[0].position + 1]):
        if after != before + 1:
            yield Violation(
                "I2", f"position {before} is followed by {after}, head at {log.heads[0].position}", "log.event"
            )


def _versions(log: Log) -> Iterator[Violation]:
    versions: dict[str, int] = {}
    for row in log.rows:
        stream, version = row.columns["stream_id"], row.columns["version"]
        expected = versions.get(stream, 0) + 1
        if version != expected:
            yield Violation("I2", f"version {version} where {expected} should be", row.where)
        versions[stream] = version


def _time(log: Log) -> Iterator[Violation]:
    for before, after in pairwise(log.rows):
        if after.columns["recorded_at"] < before.columns["recorded_at"]:
            yield Violation("I14", "recorded_at is before that of the event before it", after.where)
    if log.rows and log.heads and log.heads[0].recorded_at != log.rows[-1].columns["recorded_at"]:
        yield Violation("I14", "recorded_at of the head is not that of the last event", "log.head")


def _copies(row: Row) -> Iterator[Violation]:
    if row.members is None or not readable(row.members):
        yield Violation("I2", "the record cannot be read", row.where)
        return
    for name in COPIES:
        if name not in row.members or _value(name, row.members[name]) != row.columns[name]:
            yield Violation("I2", f"column {name} is not what the record says", row.where)


def _value(name: str, member: Any) -> datetime | Any:
    return instant(member) if name in INSTANTS and isinstance(member, str) else member


def _place(row: Row) -> Iterator[Violation]:
    stream = row.columns["stream_id"]
    digest = sha256((row.columns["visit_id"] or stream).encode()).digest()
    if row.columns["shard"] != int.from_bytes(digest[:8], "big") % SHARDS:
        yield Violation("I2", "the shard is not that of its visit or stream", row.where)
    if row.columns["topic"] != TOPICS.get(stream.partition("-")[0]):
        yield Violation("I2", "the topic is not that of the stream's owner", row.where)
