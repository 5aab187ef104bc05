"""The log as a service sees it: what a decision needs and how it is loaded, what an append says, what may come of it.

``records`` composes what goes in, the sequencer carries it, the server decides the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from shared.contracts.envelope import Newer, Recorded, Undecodable, decode_by
from shared.contracts.troubles import is_trouble_stream
from shared.runtime.receipts import Receipt, receipt_of
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    import asyncpg

    from shared.contracts.base import Event
    from shared.decider import Deadline
    from shared.runtime.postgres import Pool


class WrongExpectedVersion(Exception):  # noqa: N818 -- the field's word
    """Someone was first: a stream written or guarded has moved on."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id


class OtherContent(Exception):  # noqa: N818 -- says what was found
    """This id is known with other content."""


class AlreadyApplied(Exception):  # noqa: N818 -- says what was found
    """The cause took effect before."""


class FeedGap(Exception):  # noqa: N818 -- says what was found
    """The cause does not follow what this consumer has applied: the feed reads again."""


class NotAsRecorded(Exception):  # noqa: N818 -- says what was found
    """What came by a topic does not stand in the log like that: nothing took effect, and the log's own records are read."""


class Unavailable(Exception):  # noqa: N818 -- says what the log is
    """The log cannot be reached; whether the command took effect is unknown. Ask again with the same id."""


@dataclass(frozen=True)
class Outside:
    """Where a command from outside comes from: its id there, and a keyed hash of the unsealed request."""

    source: str
    id: str
    digest: bytes


Seen = tuple[int, bytes]
"""A position, and the SHA-256 of the record that came for it."""


@dataclass(frozen=True)
class Cause:
    """The record that a reaction answers, and the position applied before it."""

    consumer: str
    topic: str
    shard: int
    after: int
    position: int
    seen: tuple[Seen, ...] = ()
    """Of what came by a topic: every record that this cause moves past. The log compares them; none where it was read."""


@dataclass(frozen=True)
class By:
    """Who does it and what it belongs to. ``occurred_at`` is a claim; without one it is the time of the decision."""

    actor: str
    correlation_id: str
    causation_id: str | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Write:
    """What one command does to one stream: events (or none), and every deadline that the stream has afterwards."""

    stream_id: str
    expected_version: int
    events: Sequence[Event]
    deadlines: Sequence[Deadline] = ()
    visit_id: str | None = None
    site_id: str | None = None


@dataclass(frozen=True)
class Append:
    """One command for the log: all or nothing."""

    writes: Sequence[Write]
    by: By
    decided_at: datetime | None = None
    """The log's time at the decision; None only where there is no event to bear it."""
    guards: Mapping[str, int] = field(default_factory=dict)
    origin: Outside | Cause | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of an append. ``first`` is false for a repeat, whose answer is the first one."""

    first: bool
    first_position: int | None
    last_position: int | None
    recorded_at: datetime
    answer: Mapping[str, Any]
    receipt: Receipt | None = None
    """For its last record; none where nothing was appended, and for what answers a record."""


@dataclass(frozen=True)
class Stream:
    """A stream as loaded: its version (0 where it does not exist) and its history, or the newest of it."""

    stream_id: str
    version: int
    history: tuple[Recorded, ...]
    unreadable: int = 0
    """Records left out because nothing can read them. Somebody was told of them when a feed met them."""

    @property
    def events(self) -> list[Event]:
        """The events alone, in order."""
        return [recorded.event for recorded in self.history]


@dataclass(frozen=True)
class Loaded:
    """What a decision needs: the log's time, the streams asked for, and a known id's outcome."""

    now: datetime
    streams: Mapping[str, Stream]
    known: Outcome | None = None

    def __getitem__(self, stream_id: str) -> Stream:
        """Return a stream that was asked for."""
        return self.streams[stream_id]


# Now, the records of some streams, and a known id's outcome with the hash of its last record (primary key), in one look.
LOAD = """
SELECT loaded.*, (SELECT encode(sha256(e.record), 'hex') FROM log.event e WHERE e.position = loaded.known_last) AS known_sha256
FROM log.load($1, $2, $3, $4) AS loaded
"""

WHOLE: Mapping[str, int] = MappingProxyType({})
"""Every stream from its beginning."""

MOST_KEPT = 4096
"""Records that are kept as they were read: the policies and grants of many sites. Of 400 triggers at once, each is read once."""


async def load(
    pool: Pool,
    stream_ids: Sequence[str],
    outside: Outside | None = None,
    tails: Mapping[str, int] = WHOLE,
    *,
    lenient: bool = False,
) -> Loaded:
    """Load streams, the log's time and, for an id from outside, its first outcome.

    ``tails`` says of which streams only so many of the newest records are wanted. What nothing can read is left out
    and counted: one broken record must not end the watch over a visit. So is a record that belongs elsewhere in the log,
    and in a stream of troubles one of a later release: what is wrong must be said by whoever finds it. Raises OtherContent
    for a known id with another digest, Newer for a record that a later release wrote in any other stream.

    ``lenient`` is for what only reads, where half of a stream is better than none: it leaves out what a later release
    wrote too, and keeps what it has read. Whoever writes to a stream must not ask for it.
    """
    source, id_ = (outside.source, outside.id) if outside else (None, None)
    wanted = list(dict.fromkeys(stream_ids))
    rows = await pool.fetch(LOAD, wanted, [tails.get(stream_id, 0) for stream_id in wanted], source, id_)
    return loaded_from(rows, outside, lenient=lenient)


def loaded_from(rows: Sequence[asyncpg.Record], outside: Outside | None, *, lenient: bool = False) -> Loaded:
    """Return what the rows of one load say. Raises what ``load`` does."""
    reading = _read_if_possible if lenient else _read
    first = rows[0]
    streams = {}
    for row in rows:
        stream_id = row["stream_id"]
        if stream_id is not None:
            records, positions, types, visit_ids = row["records"], row["positions"], row["types"], row["visit_ids"]
            its = zip(records, positions, types, visit_ids, strict=True) if records else ()
            read = [reading(stream_id, *one) for one in its]
            history = tuple([recorded for recorded in read if recorded is not None])
            streams[stream_id] = Stream(stream_id, row["version"], history, len(read) - len(history))
    known = None
    if outside and first["known_digest"] is not None:
        if first["known_digest"] != outside.digest:
            raise OtherContent
        known = Outcome(
            first=False,
            first_position=first["known_first"],
            last_position=first["known_last"],
            recorded_at=first["known_recorded_at"],
            answer=orjson.loads(first["known_answer"]),
            receipt=receipt_of(first["known_last"], first["known_sha256"]),
        )
    return Loaded(now=first["now"], streams=streams, known=known)


@lru_cache(maxsize=MOST_KEPT)
def _read(stream_id: str, record: bytes, position: int, type_: str, visit_id: str | None) -> Recorded | None:
    """Return what a record says; None for one that nothing can read, or that is not what its row says.

    Each is read once: its bytes never change.
    """
    try:
        recorded = decode_by(record, RELEASE)
    except Newer:
        if is_trouble_stream(stream_id):
            return None
        raise
    except Undecodable:
        return None
    said = recorded.envelope
    row = (stream_id, position, type_, visit_id)
    return recorded if (said.stream_id, said.position, said.type, said.visit_id) == row else None


def _read_if_possible(
    stream_id: str, record: bytes, position: int, type_: str, visit_id: str | None
) -> Recorded | None:
    """Return the same, and None for what a later release wrote."""
    try:
        return _read(stream_id, record, position, type_, visit_id)
    except Newer:
        return None
