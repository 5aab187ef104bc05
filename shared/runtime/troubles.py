"""What a service could not do, recorded in its own trouble streams, which escalation follows.

Carries what ``shared.trouble`` decides to the log; judges nothing. Parking knows what its page has seen, so that one
append says that a record is set aside and moves past it; everything else goes through the one loop of commands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from shared.contracts.envelope import Undecodable, decode
from shared.contracts.troubles import trouble_stream
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id
from shared.runtime.log import WHOLE, Append, By, Cause, FeedGap, Write, WrongExpectedVersion
from shared.trouble import TROUBLE, Park, TroubleState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from shared.contracts.base import Event
    from shared.contracts.troubles import RecordParked
    from shared.runtime.commands import Commands, Handled
    from shared.runtime.log import Loaded, Outside
    from shared.runtime.rows import Row
    from shared.trouble import Command

# What some trouble streams say, of those that exist. Uses event_stream_version (stream_id, version).
KNOWN = """
SELECT stream_id, max(version) AS version, array_agg(record ORDER BY version) AS records
FROM log.event WHERE stream_id = ANY ($1) GROUP BY stream_id
"""

log = structlog.get_logger()

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
"""What is an id, as ``shared.contracts.base.Id`` has it: a record's columns may hold anything."""


@dataclass(frozen=True)
class Known:
    """What a trouble stream says, and its version: 0 where there is none."""

    version: int = 0
    state: TroubleState = field(default_factory=TroubleState)


@dataclass(frozen=True)
class Troubles:
    """The trouble streams of one service."""

    commands: Commands
    service: str

    def stream_of(self, visit_id: str | None, otherwise: str) -> str:
        """Return the stream about a visit, or about something else where there is no visit."""
        subject = visit_id or otherwise
        return trouble_stream(self.service, subject if is_id(subject) else sha256(subject.encode()).hexdigest())

    def stream_of_row(self, row: Row) -> str:
        """Return the stream about a row's visit, or about its stream: a row's columns may hold anything."""
        return self.stream_of(visit_id_of(row), row["stream_id"])

    async def known(self, stream_ids: Iterable[str]) -> dict[str, Known]:
        """Return what those of these streams say that exist; what nothing can read is left out."""
        rows = await self.commands.pool.fetch(KNOWN, list(set(stream_ids)))
        return {row["stream_id"]: Known(row["version"], TROUBLE.fold(readable(row["records"]))) for row in rows}

    async def park(
        self, fact: RecordParked, stream_id: str, known: Known, by: By, cause: Cause | None, now: datetime
    ) -> Known:
        """Say that a record is set aside, and move past it in the same commit where there is a cause to move.

        Returns what the stream says then. Raises FeedGap where somebody was first at this stream: what the page has
        seen no longer holds; and what ``Sequencer.append`` raises.
        """
        events = TROUBLE.decide(Park(fact), known.state)
        if not events and cause is None:
            return known
        writes = [Write(stream_id, known.version, events, visit_id=fact.visit_id, site_id=fact.site_id)]
        try:
            await self.commands.sequencer.append(Append(writes=writes, by=by, decided_at=now, origin=cause))
        except WrongExpectedVersion:
            raise FeedGap from None
        say = (
            log.critical if fact.record_type.startswith("trouble.") else log.error
        )  # nobody else is told of the former
        say(
            "record_parked",
            parked_id=fact.parked_id,
            record_type=fact.record_type,
            reason=fact.reason,
            detail=fact.detail,
            behind=fact.behind,
        )
        return Known(known.version + len(events), TROUBLE.fold(events, known.state))

    async def record(
        self,
        subject: str,
        command: Command,
        *,
        visit_id: str | None = None,
        site_id: str | None = None,
        by: By | None = None,
        origin: Outside | None = None,
        tail: int | None = None,
    ) -> Handled:
        """Record what follows from a command about a visit (then ``subject`` is its id) or about anything else.

        Nothing is appended where the stream says it already. ``tail`` reads only the newest records. Raises Rejected,
        and what ``Sequencer.append`` raises.
        """
        stream_id = self.stream_of(visit_id, subject)

        def decide(loaded: Loaded) -> Decided:
            own = write(
                TROUBLE,
                loaded[stream_id],
                lambda state: TROUBLE.decide(command, state),
                visit_id=visit_id,
                site_id=site_id,
            )
            return Decided([own] if own.events or origin else [])

        tails: Mapping[str, int] = WHOLE if tail is None else {stream_id: tail}
        who = by or By(f"system:{self.service}", new_id())
        return await self.commands.handle(type(command).__name__.lower(), [stream_id], decide, who, origin, tails)


def is_id(text: str | None) -> bool:
    """Say whether a text of the log's columns can stand where an id is wanted."""
    return text is not None and _ID.fullmatch(text) is not None


def visit_id_of(row: Row) -> str | None:
    """Return whose a row of the log is, where its column holds what can be an id."""
    visit_id: str | None = row["visit_id"]
    return visit_id if is_id(visit_id) else None


def readable(records: Iterable[bytes]) -> Iterable[Event]:
    """Return the events of these records, without those that nothing can read."""
    for record in records:
        try:
            yield decode(record).event
        except Undecodable:
            continue  # the feed of whoever follows this topic meets it and says so
