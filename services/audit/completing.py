"""Completeness over the whole log: each visit, each worker without one, and Lonewatch itself, one at a time.

Reads the log and nothing else, writes nothing, and keeps no more than one history at a time. What breaks it is the domain's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.domain import OF_NO_VISIT, Unreadable, notification_ids
from services.audit.domain.completeness import broken
from shared.contracts.base import stream_of
from shared.contracts.envelope import Newer
from shared.contracts.escalations import SYSTEM, EscalationJoined, EscalationOpened
from shared.contracts.troubles import RecordDiscarded, RecordMended, RecordParked
from shared.runtime import reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from asyncpg import Record

    from services.audit.domain.completeness import Broken
    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Connection

PAGE = 200
"""Visits that are looked up at a time: enough that looking them up costs nothing beside reading them."""

NOW = "SELECT log.now()"

# The next visits by id, each found by a look-up of its own. Uses event_visit (visit_id, position).
VISITS = """
WITH RECURSIVE found AS (
    (SELECT e.visit_id FROM log.event e WHERE e.visit_id > $1 ORDER BY e.visit_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.visit_id FROM log.event e WHERE e.visit_id > f.visit_id ORDER BY e.visit_id LIMIT 1)
    FROM found f WHERE f.visit_id IS NOT NULL
)
SELECT visit_id FROM found WHERE visit_id IS NOT NULL LIMIT $2
"""

# Whom else an escalation or a signal is about, without a visit: as many as there are people. Reads the whole log once.
SUBJECTS = """
SELECT DISTINCT substr(stream_id, strpos(stream_id, '-') + 1) AS subject FROM log.event
WHERE visit_id IS NULL AND (stream_id LIKE 'escalation-%' OR type = ANY ($1)) ORDER BY subject
"""

# Everything about a visit, in order. Uses event_visit (visit_id, position).
OF_VISIT = "SELECT * FROM log.event WHERE visit_id = $1 ORDER BY position"

# Events of some streams that belong to no visit; of a worker's own, certain types. Uses event_stream_version.
OF_STREAMS = """
SELECT * FROM log.event
WHERE stream_id = ANY ($1) AND visit_id IS NULL AND (stream_id NOT LIKE 'worker-%' OR type = ANY ($2)) ORDER BY position
"""

# Troubles that belong to no visit, in order: few among many. Uses event_trouble (position).
TROUBLES = "SELECT * FROM log.event WHERE type LIKE 'trouble.%' AND visit_id IS NULL ORDER BY position"

_SIGNALS = [event_type.type for event_type in OF_NO_VISIT]


async def completeness(
    connection: Connection, now: datetime | None = None, site_id: str | None = None
) -> AsyncIterator[Broken]:
    """Yield all that breaks completeness, as known at ``now`` (the log's, where none is given); of one site, or of all.

    It may run while everything is at work: what falls due meanwhile is not late yet.
    """
    at = now or await connection.fetchval(NOW)
    troubles, lost = _readable(await connection.fetch(TROUBLES), [])
    system, _ = _readable(await connection.fetch(OF_STREAMS, [stream_of("escalation", SYSTEM)], _SIGNALS), troubles)
    raised = {
        one.event.trigger_event_id for one in system if isinstance(one.event, EscalationOpened | EscalationJoined)
    }
    async for visit_id in _visits(connection):
        events, unreadable = _readable(await connection.fetch(OF_VISIT, visit_id), [])
        if site_id is None or _at_site(events, site_id):
            for one in broken(visit_id, events, unreadable, at, raised):
                yield one
    for row in await connection.fetch(SUBJECTS, _SIGNALS):
        subject = row["subject"]
        events, unreadable = await _of_nobodys_visit(connection, subject, troubles)
        if subject == SYSTEM:
            unreadable = [*lost, *unreadable]
        if site_id is None or _at_site(events, site_id):
            for one in broken(subject, events, unreadable, at, () if subject == SYSTEM else raised):
                yield one


async def _visits(connection: Connection) -> AsyncIterator[str]:
    after = ""
    while page := await connection.fetch(VISITS, after, PAGE):
        for row in page:
            yield row["visit_id"]
        after = page[-1]["visit_id"]


async def _of_nobodys_visit(
    connection: Connection, subject: str, troubles: Sequence[Recorded]
) -> tuple[list[Recorded], list[Unreadable]]:
    """Return what belongs to a worker without a visit, or to Lonewatch itself, with the notifications that it asked for."""
    own = [stream_of(kind, subject) for kind in ("worker", "escalation")]
    rows = await connection.fetch(OF_STREAMS, own, _SIGNALS)
    events, _ = _readable(rows, troubles)
    told = [stream_of("notification", notification_id) for notification_id in notification_ids(events)]
    rows += await connection.fetch(OF_STREAMS, told, _SIGNALS)
    about = troubles if subject == SYSTEM else _set_aside(troubles, {row["stream_id"] for row in rows})
    events, unreadable = _readable(rows, troubles)
    return sorted((*events, *about), key=lambda recorded: recorded.position), unreadable


def _set_aside(troubles: Iterable[Recorded], stream_ids: set[str]) -> list[Recorded]:
    """Return which records of these streams were set aside, and which of them discarded."""
    parked: set[str] = set()
    found = []
    for recorded in troubles:
        match recorded.event:
            case RecordParked(parked_id=parked_id, record_stream_id=stream_id) if stream_id in stream_ids:
                parked.add(parked_id)
                found.append(recorded)
            case RecordDiscarded(parked_id=parked_id) if parked_id in parked:
                found.append(recorded)
            case _:
                pass
    return found


def _readable(rows: Iterable[Record], troubles: Iterable[Recorded]) -> tuple[list[Recorded], list[Unreadable]]:
    """Return what rows say, as it was mended where somebody did that; and what nobody can read and nobody discarded."""
    events: list[Recorded] = []
    failed: list[Record] = []
    for row in rows:
        try:
            events.append(reading.read(row))
        except (reading.Unreadable, Newer):
            failed.append(row)
    if not failed:
        return events, []
    given, discarded = _settled([*events, *troubles])
    unreadable = []
    for row in failed:
        try:
            events.append(reading.mended(row, given[row["position"]]))
        except (KeyError, reading.Unreadable):
            if row["position"] not in discarded:
                unreadable.append(Unreadable(row["position"], row["type"]))
    return sorted(events, key=lambda recorded: recorded.position), unreadable


def _settled(history: Iterable[Recorded]) -> tuple[Mapping[int, Mapping[str, Any]], set[int]]:
    """Return the data that records were given, and which were discarded, by position: an id of a parked one ends in it."""
    given: dict[int, Mapping[str, Any]] = {}
    discarded: set[int] = set()
    for recorded in history:
        match recorded.event:
            case RecordMended(parked_id=parked_id, data=data):
                given[int(parked_id.rpartition(".")[2])] = data
            case RecordDiscarded(parked_id=parked_id):
                discarded.add(int(parked_id.rpartition(".")[2]))
            case _:
                pass
    return given, discarded


def _at_site(events: Iterable[Recorded], site_id: str) -> bool:
    return any(site_id in {one.envelope.site_id, getattr(one.event, "site_id", None)} for one in events)
