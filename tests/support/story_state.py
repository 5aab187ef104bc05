"""The state that a story leaves behind for one visit, read by SQL alone, and its SHA-256: the same story, the same sum.

In it:

- the facts of the visit's stream and those of its escalation's, each in order: type, actor, the type of what caused it,
  and all data;
- who was told: every notification with its reason, its channels, and what came of each in the end;
- the rows that checkin, escalation, notifier and audit show of the visit, each with the event that it is as of;
- the deadlines that are left.

Not in it, because two tellings of one story may differ in them and both be right:

- instants (that there is one is in it), positions, what is sealed, and hashes of codes; ids are numbered as they first
  occur;
- how the facts of different streams interleave: each service goes at its own pace;
- how often a message was tried before it was taken, and whether it shared a call with others: both hang on what else
  was under way. What came of it in the end does not.

Imports nothing of the services. Waits for nothing: whoever asks too early gets another sum.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import unified_diff
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
State: TypeAlias = dict[str, Any]

# What the log holds of a visit, and what caused each.
FACTS = """
SELECT e.type, e.stream_id, e.actor, c.type AS cause, e.record
FROM log.event e LEFT JOIN log.event c ON c.event_id = e.causation_id
WHERE e.visit_id = $1 ORDER BY e.position
"""

ROWS: Mapping[str, str] = MappingProxyType(
    {
        # The visit as checkin lists it.
        "checkin.visit": """
            SELECT v.*, e.type AS as_of FROM checkin.visit v LEFT JOIN log.event e USING (position)
            WHERE v.visit_id = $1""",
        # Its episodes as escalation lists them.
        "escalation.escalation": """
            SELECT v.*, e.type AS as_of FROM escalation.escalation v LEFT JOIN log.event e USING (position)
            WHERE v.visit_id = $1 ORDER BY v.escalation_id""",
        # Who has a link of their own; of the code only a hash is kept, which says nothing here.
        "escalation.link": """
            SELECT l.escalation_id, l.worker_id, count(*) FROM escalation.link l
            JOIN escalation.escalation v USING (escalation_id) WHERE v.visit_id = $1 GROUP BY 1, 2 ORDER BY 1, 2""",
        # Whether audit has the visit from its first event to its last.
        "audit.visit": """
            SELECT v.visit_id, v.site_id, v.first_position = min(e.position) AS from_the_first,
                v.last_position = max(e.position) AS to_the_last
            FROM audit.visit v JOIN log.event e USING (visit_id) WHERE visit_id = $1 GROUP BY v.visit_id""",
        # What notifier shows of who was told.
        "notifier.notification": """
            SELECT v.*, e.type AS as_of FROM notifier.notification v LEFT JOIN log.event e USING (position)
            WHERE v.visit_id = $1 ORDER BY v.notification_id""",
        # By which channel, and whether somebody answered.
        "notifier.message": """
            SELECT m.notification_id, m.place, m.channel, m.state, m.replied_at FROM notifier.message m
            JOIN notifier.notification n USING (notification_id) WHERE n.visit_id = $1 ORDER BY 1, 2""",
        # What the last call of each message came to.
        "notifier.attempt": """
            SELECT DISTINCT ON (notification_id, place) notification_id, place, outcome, reason
            FROM notifier.attempt JOIN notifier.message m USING (message_id)
            JOIN notifier.notification n USING (notification_id)
            WHERE n.visit_id = $1 ORDER BY notification_id, place, attempt DESC""",
        # What is still watched of the visit and of what followed from it.
        "log.deadline": """
            SELECT split_part(d.stream_id, '-', 1) AS of, d.kind FROM log.deadline d
            WHERE EXISTS (SELECT FROM log.event e WHERE e.stream_id = d.stream_id AND e.visit_id = $1) ORDER BY 1, 2""",
    }
)
"""Every table that shows something of a visit, as it is read. Positions become the type of the event that stands there."""

# What somebody has before them yet: records that a read model has not applied, and messages that are on their way.
OPEN = """
SELECT sum(n) FROM (
    SELECT count(*) AS n FROM checkin.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT count(*) FROM escalation.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT count(*) FROM notifier.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT count(*) FROM audit.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT count(*) FROM log.applied a JOIN log.event e USING (topic, shard) WHERE e.position > a.position
    UNION ALL
    SELECT count(*) FROM notifier.message WHERE state IN ('queued', 'in_flight', 'waiting')
) waiting
"""

MADE_UP = re.compile(r"[0-9a-f]{32}")
"""An id that a program made up, alone or within another (``<visit>.1.2``); all other ids were given by hand."""

SEALED = frozenset({"kid", "nonce", "ct"})
"""The members of a sealed field."""

TAKEN = "notification.attempt_accepted.v1"
ENDS = ("notification.attempt_failed.v1", "notification.attempt_unknown.v1")


class Fact(NamedTuple):
    """One event of a visit."""

    type: str
    stream_id: str
    actor: str
    cause: str | None
    data: Mapping[str, Any]


@dataclass
class Numbers:
    """Made-up ids, numbered as they first occur; and everything else that differs from telling to telling, made plain."""

    given: dict[str, str] = field(default_factory=dict)

    def plain(self, value: Any, name: str = "") -> Any:
        """Return a value as it is in every telling of the same story. ``name`` is that of its field."""
        if isinstance(value, dict):
            return "sealed" if value.keys() == SEALED else {key: self.plain(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.plain(one, name) for one in value]
        if isinstance(value, datetime) or (isinstance(value, str) and name.endswith("_at")):
            return "an instant"
        return self.numbered(value) if isinstance(value, str) else value

    def numbered(self, text: str) -> str:
        """Return a text with each made-up id in it replaced by its number."""
        return MADE_UP.sub(lambda found: self.given.setdefault(found[0], f"#{len(self.given) + 1}"), text)


async def settled(connection: Connection) -> bool:
    """Say whether every service has taken in all that the log holds, and no message is on its way."""
    return not await connection.fetchval(OPEN)


async def read_state(connection: Connection, visit_id: str) -> State:
    """Return the state of a visit, in one snapshot where the caller's transaction is one."""
    facts = [
        Fact(row["type"], row["stream_id"], row["actor"], row["cause"], json.loads(row["record"])["data"])
        for row in await connection.fetch(FACTS, visit_id)
    ]
    numbers = Numbers()
    state: State = {kind: _history(facts, kind, numbers) for kind in ("visit", "escalation")}
    state["told"] = _told(facts, numbers)
    for table, query in ROWS.items():
        state[table] = [_row(found, numbers) for found in await connection.fetch(query, visit_id)]
    return state


def sum_of(state: State) -> str:
    """Return the SHA-256 of a state, in hexadecimal."""
    return sha256(json.dumps(state, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def difference(one: State, other: State) -> str:
    """Return where two states differ, for people."""
    before, after = (json.dumps(state, sort_keys=True, indent=1).splitlines() for state in (one, other))
    return "\n".join(unified_diff(before, after, "one", "other", lineterm="", n=8))


def _history(facts: Sequence[Fact], kind: str, numbers: Numbers) -> list[Any]:
    """Return the events of the streams of a kind, in order."""
    return [
        [one.type, one.actor, one.cause, numbers.plain(dict(one.data))]
        for one in facts
        if one.stream_id.startswith(f"{kind}-")
    ]


def _told(facts: Sequence[Fact], numbers: Numbers) -> list[Any]:
    """Return every notification with what came of it, in the order of their numbers, not of their sending."""
    streams: dict[str, list[Fact]] = {}
    for one in facts:
        if one.stream_id.startswith("notification-"):
            streams.setdefault(numbers.numbered(one.stream_id), []).append(one)
    return [[name, *_came_of(stream, numbers)] for name, stream in sorted(streams.items())]


def _came_of(stream: Sequence[Fact], numbers: Numbers) -> list[Any]:
    """Return who was told why, what came of each channel in the end, and whatever else happened to a notification."""
    ends: dict[str, str] = {}
    others = []
    for one in stream:
        message_id = one.data.get("message_id", "")
        if one.type == TAKEN or (one.type in ENDS and ends.get(message_id) != TAKEN):
            ends[message_id] = one.type
        elif one.type not in (*ENDS, "notification.queued.v1", "notification.attempt_started.v1"):
            others.append([one.type, one.actor, one.cause, numbers.plain(dict(one.data))])
    queued = [dict(one.data) for one in stream if one.type == "notification.queued.v1"]
    channels = [
        [message["channel"], ends.get(message["message_id"])] for data in queued for message in data["messages"]
    ]
    return [[numbers.plain(data) for data in queued], channels, sorted(others, key=json.dumps)]


def _row(row: asyncpg.Record, numbers: Numbers) -> dict[str, Any]:
    """Return a row of a read model without its positions."""
    return {name: numbers.plain(value, name) for name, value in row.items() if name != "position"}
