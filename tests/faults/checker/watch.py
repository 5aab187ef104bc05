"""I16: a visit that is started and not ended is always watched: by a deadline, or by an escalation that is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.checker.episodes import ENDS
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation
from tests.faults.checker.visits import ARMS, ENDED, MISSED, visits_of


@dataclass
class Watch:
    """Who watches one visit, at one position of the log."""

    under_way: bool = False
    awaited: bool = False
    escalated: bool = False
    since: Event | None = None
    """The event that left it unwatched."""

    def see(self, event: Event) -> None:
        """Take one event of the visit or of its escalation."""
        if event.type == "visit.started.v1":
            self.under_way = True
        if event.type == ENDED:
            self.under_way = False
        if event.type in ARMS and event.data["due_at"] is not None:
            self.awaited = True
        if event.type == MISSED:
            self.awaited = False
        if event.type == "escalation.opened.v1":
            self.escalated = True
        if event.type in ENDS:
            self.escalated = False

    @property
    def bare(self) -> bool:
        """Whether nobody watches, and somebody should."""
        return self.under_way and not self.awaited and not self.escalated


def judge_watch(evidence: Evidence) -> Iterator[Violation]:
    """Return visits that were unwatched for longer than 10 s, and those whose watch is not armed at the end."""
    watches: dict[str, Watch] = {}
    for event in evidence.log.events:
        if event.visit_id is None or not event.stream_id.startswith(("visit-", "escalation-")):
            continue
        watch = watches.setdefault(event.visit_id, Watch())
        watch.see(event)
        if watch.since is not None and not watch.bare:
            if evidence.timing.late(event.recorded_at, watch.since.recorded_at):
                yield Violation("I16", "the visit was unwatched for longer than 10 s", watch.since.where)
            watch.since = None
        elif watch.since is None and watch.bare:
            watch.since = event
    for watch in watches.values():
        if watch.since is not None and evidence.overdue(watch.since.recorded_at):
            yield Violation("I16", "the visit is unwatched since then", watch.since.where)
    yield from _armed(evidence, watches)


def _armed(evidence: Evidence, watches: dict[str, Watch]) -> Iterator[Violation]:
    """Look for the rows of log.deadline that must exist at the end: nothing else wakes anybody."""
    deadlines = evidence.log.deadlines
    for visit_id, each in visits_of(evidence).items():
        if each and each[-1].until is None:
            row = (f"visit-{visit_id}", "check_in_missed", each[-1].deadline_at)
            if row not in deadlines:
                yield Violation("I16", "a check-in is awaited, and no deadline is armed for it", row[0])
    due = {stream_id for stream_id, _, _ in deadlines}
    for visit_id, watch in watches.items():
        if watch.escalated and f"escalation-{visit_id}" not in due:
            yield Violation("I16", "an escalation is open, and nothing falls due for it", f"escalation-{visit_id}")
