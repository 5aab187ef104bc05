"""What benchmarks append: visits that check in, with ids, deadlines and bytes as in earnest. Appends nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.contracts.base import Cites
from shared.contracts.topics import shard_of, topic_of
from shared.contracts.visits import CheckInRecorded
from shared.decider import Deadline, Decider
from shared.runtime.ids import new_id
from shared.runtime.log import Append, By, Outside, Write
from shared.runtime.records import compose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.runtime.records import Composed

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When everything was decided; the log has its own time."""

INTERVAL = timedelta(minutes=30)
"""Between two check-ins."""

RELEASE = "0.3.0"
"""What every record says it was written by: as long as in earnest."""

CHECK_INS = 10
"""Of a visit, before its caller begins the next: five hours at this interval."""

BY = By(actor=f"worker:{new_id()}", correlation_id=new_id())

CITES = Cites(clauses=("5.1", "5.3"))
"""As long as what policies give for a check-in."""


@dataclass
class Caller:
    """Somebody who checks in on one visit after another."""

    visit_id: str = field(default_factory=new_id)
    version: int = 0

    @property
    def stream_id(self) -> str:
        """The stream of the visit under way."""
        return f"visit-{self.visit_id}"

    def go_on(self) -> None:
        """Go on to the next check-in, and to the next visit where this one has had all of them."""
        if self.version == CHECK_INS:
            self.visit_id, self.version = new_id(), 0
        self.version += 1

    def next(self) -> Append:
        """Return the next check-in, as it is appended where nothing has to be loaded."""
        self.go_on()
        version = self.version - 1
        events = (checked_in(self.visit_id, version),)
        writes = (Write(self.stream_id, version, events, visit_id=self.visit_id, site_id="riverside"),)
        return Append(writes, BY, T0)


def checked_in(visit_id: str, number: int) -> CheckInRecorded:
    """Return one check-in of a visit."""
    due_at = T0 + number * INTERVAL
    return CheckInRecorded(visit_id=visit_id, met_due_at=due_at, due_at=due_at + INTERVAL, cites=CITES)


def outside() -> Outside:
    """Come from a phone, with an id and the hash of a request."""
    id_ = new_id()
    return Outside("phones", id_, sha256(id_.encode()).digest())


@dataclass(frozen=True)
class CheckIn:
    """Check in on a visit."""

    visit_id: str


@dataclass(frozen=True)
class Visit:
    """How often somebody has checked in, and when they must again."""

    check_ins: int = 0
    due_at: datetime = T0


def decide(command: CheckIn, visit: Visit) -> Sequence[CheckInRecorded]:
    """Record the check-in."""
    return [checked_in(command.visit_id, visit.check_ins)]


def evolve(visit: Visit, event: CheckInRecorded) -> Visit:
    """Count it, and move the deadline."""
    return Visit(visit.check_ins + 1, event.due_at)


def deadlines(visit: Visit) -> Sequence[Deadline]:
    """Return the one deadline that a visit has."""
    return [Deadline("check_in", "", visit.due_at)]


VISITS: Decider[CheckIn, CheckInRecorded, Visit] = Decider(Visit(), decide, evolve, deadlines)
"""The least decider that does what every decider does: fold, decide, and arm a deadline."""

Row = tuple[object, ...]


def rows_of(composed: Composed, position: int, incarnation: str, recorded_at: datetime) -> Iterator[Row]:
    """Yield the rows of ``log.event`` that a command leaves, byte for byte as the log would write them."""
    for at, (columns, body) in enumerate(zip(composed.events, composed.bodies, strict=True), position):
        stamp = recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        prefix = f'{{"incarnation":"{incarnation}","position":{at},"recorded_at":"{stamp}",'
        named = ("event_id", "correlation_id", "causation_id", "actor", "release")
        yield (
            at,
            topic_of(columns["stream_id"]),
            shard_of(columns["visit_id"] or columns["stream_id"]),
            columns["stream_id"],
            columns["version"],
            columns["type"],
            columns["visit_id"],
            columns["site_id"],
            *(columns[name] for name in named),
            datetime.fromisoformat(columns["occurred_at"]),
            recorded_at,
            prefix.encode() + body,
        )


def rows(number: int, position: int, incarnation: str, callers: Sequence[Caller]) -> Iterator[Row]:
    """Yield so many rows from a position on, one check-in of each caller in turn."""
    now = datetime.now(UTC)
    for done in range(number):
        composed = compose(callers[done % len(callers)].next(), RELEASE)
        yield from rows_of(composed, position + done, incarnation, now)
