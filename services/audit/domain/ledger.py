"""Keeps what is expected: armed by one event, ended by another, or still open. Knows no event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.audit.domain.lines import Line, Outcome
from services.audit.domain.words import clock, instant, span
from shared.contracts.base import Cites, join_cites
from shared.contracts.envelope import Recorded

PROMPT = timedelta(seconds=10)
"""How long after its time the system's own work still counts as in time: a missed check-in may wait this long."""


@dataclass(frozen=True)
class Expected:
    """Something that a rule demanded, and, once it has ended, what became of it."""

    what: str
    saying: str
    """The beginning of its sentence: what was expected of whom."""
    due_at: datetime
    latest_at: datetime
    """Until when it is in time: its grace included, or a moment for the system's own work."""
    armed: Recorded
    number: int
    """Tells apart, in order, what one event armed."""
    actor: str | None = None
    cites: Cites = field(default_factory=Cites)
    outcome: Outcome = "open"
    ended: Recorded | None = None
    how: str = ""
    key: str = ""
    """Under which it is or was open: one thing at a time."""

    def line(self, now: datetime, *, own: bool = False) -> Line:
        """Return its line, as known at ``now``; the worker's ``own`` gives instants and no spans between them."""
        return Line(
            kind="expected",
            what=self.what,
            sentence=f"{self.saying[0].upper()}{self.saying[1:]}: {self._became(now, spans=not own)}.",
            occurred_at=self.due_at,
            actor=self.actor,
            clauses=self.cites.clauses,
            requirements=self.cites.requirements,
            ours=self.cites.ours,
            outcome=self.outcome,
            details=self._details(),
        )

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Where its line stands: at its time, and never before the event that demanded it."""
        return max(self.due_at, self.armed.recorded_at), self.armed.position, self.number

    def _became(self, now: datetime, *, spans: bool) -> str:
        if self.ended is None:
            late = spans and now > self.latest_at
            return f"open, {span(now - self.due_at)} past its time" if late else "open"
        at = self.ended.recorded_at
        said = f"{self.how} at {clock(at, self.due_at)} (position {self.ended.position})"
        if spans and self.outcome in {"met", "met_late"} and at > self.due_at:
            said += f", {span(at - self.due_at)} after its time"
        return said

    def _details(self) -> dict[str, Any]:
        ended = self.ended
        return {
            "due_at": instant(self.due_at),
            "latest_at": instant(self.latest_at),
            "armed_by": self.armed.position,
            "ended_by": ended.position if ended else None,
            "ended_at": instant(ended.recorded_at) if ended else None,
        }


@dataclass(frozen=True)
class Loose:
    """An event that might have ended something, which was not open then: it never began, or has had its end."""

    key: str
    ended: Recorded
    begun: bool
    """Whether something had ever been open under this key."""


class Ledger:
    """The book of one fold: what is open by its key, and all that was ever expected. Lives no longer than the fold."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._all: list[Expected] = []
        self._begun: set[str] = set()
        self.loose: list[Loose] = []
        """What came and ended nothing, in order. Most of it is as it should be: one message was taken, and another one."""

    def __iter__(self) -> Iterator[Expected]:
        """Yield all that was expected, in the order in which it was armed."""
        return iter(self._all)

    def arm(
        self,
        key: str,
        what: str,
        saying: str,
        due_at: datetime,
        armed: Recorded,
        *,
        within: timedelta = PROMPT,
        actor: str | None = None,
        cites: Cites | None = None,
    ) -> None:
        """Expect something by ``due_at``, or ``within`` after it. What was open under this key is withdrawn by it."""
        if key in self._open:
            self.end(key, armed, "withdrawn", "replaced")
        self._open[key] = len(self._all)
        self._begun.add(key)
        self._all.append(
            Expected(
                what=what,
                saying=saying,
                due_at=due_at,
                latest_at=due_at + within,
                armed=armed,
                number=len(self._all),
                actor=actor,
                cites=cites or Cites(),
                key=key,
            )
        )

    def end(self, key: str, ended: Recorded, outcome: Outcome, how: str, cites: Cites | None = None) -> Expected | None:
        """End what is open under ``key``, if anything is: what is met after its latest time is met late."""
        index = self._open.pop(key, None)
        if index is None:
            self.loose.append(Loose(key, ended, key in self._begun))
            return None
        expected = self._all[index]
        if outcome == "met" and ended.recorded_at > expected.latest_at:
            outcome = "met_late"
        self._all[index] = replace(
            expected, outcome=outcome, ended=ended, how=how, cites=join_cites(expected.cites, cites or Cites())
        )
        return self._all[index]

    def end_armed_at(self, prefix: str, position: int, ended: Recorded, how: str) -> None:
        """Withdraw everything that the record at this position armed and that is open under such a key."""
        keys = (key for key, index in self._open.items() if self._all[index].armed.position == position)
        for key in [key for key in keys if key.startswith(prefix)]:
            self.end(key, ended, "withdrawn", how)

    def end_due(self, prefix: str, ended: Recorded, how: str) -> None:
        """End everything that is open under keys beginning with ``prefix``: missed where its time has come, else withdrawn."""
        for key in [key for key in self._open if key.startswith(prefix)]:
            due = ended.recorded_at >= self._all[self._open[key]].due_at
            self.end(key, ended, "missed" if due else "withdrawn", how)

    def end_all(self, prefix: str, ended: Recorded, outcome: Outcome, how: str) -> None:
        """End everything that is open under keys beginning with ``prefix``."""
        for key in [key for key in self._open if key.startswith(prefix)]:
            self.end(key, ended, outcome, how)
